import { type Channel, type Compatibility, defineChannel } from '@alarm-bus/contracts'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { n } from './edits/row.ts'
import { bounds, defaults } from './edits/bounds.ts'
import { fields, words } from './edits/fields.ts'
import { plain } from './edits/plain-unions.ts'
import { tagged } from './edits/tagged-unions.ts'
import { releaseSnapshot } from '../src/snapshot/release-snapshot.ts'
import { gate, throughAFile } from './gate.ts'

// Edits that take nothing from anybody in the mode that stands with them. Teams switch off a gate that cries wolf.

const rows = [...fields, ...words, ...defaults, ...tagged, ...plain, ...bounds]

const channel = (schema: z.ZodType, compatibility: Compatibility): Channel =>
  defineChannel({ name: 'x', subject: 'x', description: 'x', schema, compatibility })

test.each(rows)('%s (%s)', (_, mode, before, after) => {
  const { outcome, differences } = gate(channel(before(), mode), channel(after(), mode))
  expect(differences.filter(({ breaking }) => breaking)).toEqual([])
  expect(outcome).toBe('compatible')
})

test("a computed default differs in nothing, so that it stands in no release's way", () => {
  const made = () =>
    z.object({ id: z.uuid().default(() => crypto.randomUUID()), at: z.number().default(() => Date.now()) })
  expect(gate(channel(made(), 'full'), channel(made(), 'full')).differences).toEqual([])
})

test("a function that gives another default in a way that cannot be told stands in no release's way either", () => {
  let calls = 0
  // The same twice in a row, as a counter of minutes is.
  const made = () => z.object({ f: n.default(() => Math.floor(calls++ / 50)) })
  const kept = throughAFile(channel(made(), 'full'))
  calls += 500
  const declared = throughAFile(channel(made(), 'full'))
  expect(declared).not.toEqual(kept)
  expect(releaseSnapshot({ contractsVersion: '1.0.0', ...kept }, declared, '1.0.0')).toBeUndefined()
})

test('there are more than sixty of them', () => expect(rows.length).toBeGreaterThan(60))
