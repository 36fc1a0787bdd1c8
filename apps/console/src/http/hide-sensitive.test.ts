import { defineChannel } from '@alarm-bus/contracts'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { HIDDEN } from '../api.ts'
import { hideSensitive, pointerOf, sensitivePaths } from './hide-sensitive.ts'

const phone = z.string().meta({ sensitive: true })
const channel = defineChannel({
  name: 'orders',
  subject: 'orders',
  owner: 'shop',
  description: 'An order.',
  schema: z.object({
    id: z.string(),
    phone,
    people: z.array(z.object({ name: z.string(), phone: phone.optional() })),
    notes: z.record(z.string(), z.object({ text: phone })),
    payment: z.union([z.object({ kind: z.literal('card'), number: phone }), z.object({ kind: z.literal('cash') })]),
  }),
})

test('every field that a schema marks is found, in lists, maps and alternatives too', () => {
  expect(sensitivePaths(channel.jsonSchema).map(pointerOf)).toEqual([
    '/phone',
    '/people/*/phone',
    '/notes/*/text',
    '/payment/number',
  ])
})

test('their values are hidden, whatever they are, and nothing else is', () => {
  const message = {
    id: 'a/b',
    phone: { odd: 1 },
    people: [{ name: 'Ada', phone: '+1' }, { name: 'Bo' }, 'no object'],
    notes: { 'x/y': { text: 'secret' } },
    payment: null,
  }
  const { body, hidden } = hideSensitive(message, sensitivePaths(channel.jsonSchema))
  expect(hidden).toEqual(['/phone', '/people/0/phone', '/notes/x~1y/text'])
  expect(body).toEqual({
    ...message,
    phone: HIDDEN,
    people: [{ name: 'Ada', phone: HIDDEN }, { name: 'Bo' }, 'no object'],
    notes: { 'x/y': { text: HIDDEN } },
  })
})

test('a schema that refers to itself ends; what lies deeper than it is followed is hidden whole', () => {
  const node: Record<string, unknown> = {
    type: 'object',
    properties: { next: { $ref: '#' }, key: { sensitive: true } },
  }
  const paths = sensitivePaths(node)
  let message: object = { key: 'deepest' }
  for (let depth = 0; depth < 40; depth++) message = { key: 'secret', next: message }
  const { body } = hideSensitive(message, paths)
  expect(JSON.stringify(body)).not.toMatch(/secret|deepest/)
})
