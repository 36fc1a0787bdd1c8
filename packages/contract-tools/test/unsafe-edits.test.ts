import {
  type Channel,
  checkReceived,
  checkToPublish,
  type Compatibility,
  ContractError,
  defineChannel,
} from '@alarm-bus/contracts'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { sharedParts, urls } from './edits/unsafe-parts.ts'
import { patterns, presence, unseen } from './edits/unsafe-rules.ts'
import { gate } from './gate.ts'

// Edits that take something from somebody, each with a message that shows it. The gate says so, or the schema is refused
// where it is declared: what it must never say is that nothing breaks.

const s = z.string()
const edits = { urls, sharedParts, patterns, unseen, presence }

const channel = (schema: z.ZodType, compatibility: Compatibility = 'backward'): Channel =>
  defineChannel({ name: 'x', subject: 'x', description: 'x', schema, compatibility })

/** The gate's answer, or that a channel with one of the two schemas is refused. */
function answer(before: () => z.ZodType, after: () => z.ZodType): string {
  try {
    return gate(channel(before()), channel(after())).outcome
  } catch (error) {
    if (error instanceof ContractError) return `refused: ${error.message}`
    throw error
  }
}

describe.each(Object.entries(edits))('%s', (_, rows) => {
  test.each(rows)('$what', ({ before, after, message }) => {
    expect(before().safeParse(message).success, 'valid before').toBe(true)
    expect(after().safeParse(message).success, 'valid after').toBe(false)
    expect(answer(before, after)).toMatch(/^breaking$|^refused: channel "x": .*; /)
  })
})

describe('a message that goes to another member of a union, which drops what it does not know', () => {
  const email = (most: number) => z.object({ email: s.max(most) })
  test.each([
    [
      'an open member, which takes what a wider one takes from now on',
      () => z.union([email(3), z.looseObject({ phone: s })]),
      () => z.union([email(9), z.looseObject({ phone: s })]),
      { phone: '1', email: 'a@b.c' },
    ],
    [
      'a member with the same field',
      () => z.union([email(3), z.object({ email: s, phone: s })]),
      () => z.union([email(9), z.object({ email: s, phone: s })]),
      { phone: '1', email: 'a@b.c' },
    ],
    [
      'a record beside it',
      () => z.union([email(3), z.record(s, s)]),
      () => z.union([email(9), z.record(s, s)]),
      { phone: '1', email: 'a@b.c' },
    ],
    [
      'another order',
      () => z.union([z.object({ email: s, phone: s }), email(9)]),
      () => z.union([email(9), z.object({ email: s, phone: s })]),
      { phone: '1', email: 'a@b.c' },
    ],
  ])('%s', (_, before, after, message) => {
    expect(checkToPublish(channel(before()), message).ok).toBe(true)
    expect(checkToPublish(channel(after()), message).ok).toBe(false)
    expect(answer(before, after)).toBe('breaking')
  })
})

describe('what only looks like a default', () => {
  test('metadata called default fills nothing in', () => {
    const before = () => z.object({ level: s })
    const after = () => z.object({ level: s.optional().meta({ default: 'info' }) })
    expect(answer(before, after)).toContain('use .default()')
  })

  test('a default that lacks what its own fields fill in', () => {
    const after = () => z.object({ f: z.object({ n: z.int().default(1) }).default({} as never) })
    expect(answer(() => z.object({ f: z.object({ n: z.int() }) }), after)).toContain('use prefault()')
  })
})

describe('a mode that is taken back in the same edit', () => {
  const refined = z.object({ f: s }).refine(({ f }) => f === 'a')

  test('protects from a rule that no schema shows', () => {
    expect(gate(channel(z.object({ f: s })), channel(refined, 'none')).outcome).toBe('breaking')
    expect(gate(channel(refined, 'none'), channel(refined, 'none')).outcome).toBe('compatible')
    expect(gate(channel(refined, 'none'), channel(z.object({ f: s }))).outcome).toBe('compatible')
    expect(gate(channel(refined, 'none'), channel(z.object({ f: s }), 'full')).outcome).toBe('breaking')
  })
})

test('the messages above are what the bus makes of them', () => {
  const ftp = channel(z.object({ f: z.url() }))
  expect(checkToPublish(ftp, { f: 'ftp://h/x' }).ok).toBe(true)
  expect(checkReceived(channel(z.object({ f: z.httpUrl() })), { f: 'ftp://h/x' }).ok).toBe(false)
})
