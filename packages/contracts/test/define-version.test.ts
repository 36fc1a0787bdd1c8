import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import {
  defineChannel,
  defineContracts,
  defineStream,
  defineVersion,
  type MessageOf,
  upcastMessage,
  versionsOf,
} from '../src/index.ts'

const first = defineChannel({
  name: 'order-placed',
  subject: 'order.placed',
  description: 'An order was placed.',
  owner: 'shop',
  compatibility: 'full',
  maxMessageBytes: 1_000,
  schema: z.object({ name: z.string() }),
})
const second = defineVersion(first, {
  version: 2,
  subject: 'order.placed.v2',
  schema: z.object({ first: z.string().min(1), last: z.string().default('?') }),
  upcast: ({ name }) => ({ first: name.split(' ')[0] ?? '' }),
})
const third = defineVersion(second, {
  version: 3,
  subject: 'order.placed.v3',
  owner: 'orders',
  schema: z.object({ initials: z.string() }),
  upcast: ({ first, last }) => ({ initials: `${first[0]}${last[0]}` }),
})

test('a version is a channel of its own, called after the first one, and takes from it what it does not say', () => {
  expect([second.name, third.name]).toEqual(['order-placed-v2', 'order-placed-v3'])
  expectTypeOf(third.name).toEqualTypeOf<'order-placed-v3'>()
  expectTypeOf<MessageOf<typeof third>>().toEqualTypeOf<{ initials: string }>()
  const { version, subject, description, owner, compatibility, maxMessageBytes } = second
  expect({ version, subject, description, owner, compatibility, maxMessageBytes }).toEqual({
    version: 2,
    subject: 'order.placed.v2',
    description: 'An order was placed.',
    owner: 'shop',
    compatibility: 'full',
    maxMessageBytes: 1_000,
  })
  expect(third.owner).toBe('orders')
  expect(versionsOf(third)).toEqual([third, second, first])
})

test('a version that is not above the one before it is refused, and so is one without it', () => {
  const options = { subject: 'x', schema: z.object({}), upcast: () => ({}) }
  expect(() => defineVersion(second, { version: 2, ...options })).toThrow(
    'channel "order-placed-v2": version 2 is not above version 2 of "order-placed-v2"',
  )
  const stream = (channels: readonly (typeof first | typeof second)[]) =>
    defineStream({ name: 'ORDERS', description: 'x', channels, maxAgeMs: 200_000, maxMessages: 1, maxBytes: 1 })
  expect(() => defineContracts({ channels: [second], streams: [stream([second])] })).toThrow(
    'channel "order-placed-v2" is the next version of "order-placed", which is not declared',
  )
  expect(defineContracts({ channels: [first, second], streams: [stream([first, second])] }).channels).toHaveLength(2)
})

describe('an old message', () => {
  test('passes through each version, with its defaults', () => {
    expect(upcastMessage(second, first, { name: 'Ada L' })).toEqual({ ok: true, message: { first: 'Ada', last: '?' } })
    expect(upcastMessage(third, first, { name: 'Ada L' })).toEqual({ ok: true, message: { initials: 'A?' } })
    expect(upcastMessage(third, third, { initials: 'AL' })).toEqual({ ok: true, message: { initials: 'AL' } })
  })

  test('that is brought into a wrong shape has issues', () => {
    expect(upcastMessage(second, first, { name: '' })).toMatchObject({ ok: false, issues: [{ path: '/first' }] })
    expect(upcastMessage(third, first, { name: '' })).toMatchObject({ ok: false, issues: [{ path: '/first' }] })
  })

  test('whose upcast throws or does not wait for itself has an issue that says so', () => {
    const version = (upcast: () => object) =>
      defineVersion(first, { version: 2, subject: 'x', schema: z.object({ a: z.string().optional() }), upcast })
    const broken = version(() => {
      throw new Error('no such order')
    })
    expect(upcastMessage(broken, first, { name: 'x' })).toEqual({
      ok: false,
      issues: [{ path: '', code: 'upcast_failed', message: 'the upcast to order-placed-v2 threw: no such order' }],
    })
    const late = version(async () => ({}))
    expect(upcastMessage(late, first, { name: 'x' })).toMatchObject({ ok: false, issues: [{ code: 'upcast_failed' }] })
  })

  test('of another channel is a mistake of the caller’s', () => {
    expect(() => upcastMessage(first, second, {})).toThrow('"order-placed-v2" is not a version of "order-placed"')
  })
})
