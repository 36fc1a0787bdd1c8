import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { checkToPublish, defineChannel } from '../src/index.ts'
import { mayHoldUncarried } from '../src/uncarried-values.ts'

const channelOf = <S extends z.ZodType>(schema: S) =>
  defineChannel({ name: 'any', subject: 'any', description: 'x', schema })

class Reading {
  readonly celsius = 20
}
const self: Record<string, unknown> = {}
self['self'] = self
const list: unknown[] = []
list.push({ list })
let deep: unknown = 1
for (let i = 0; i < 100_000; i++) deep = [deep]

const UNCARRIED: readonly (readonly [string, unknown, string?])[] = [
  ['a Map', new Map([['a', 1]])],
  ['a Set', new Set([1])],
  ['NaN', Number.NaN],
  ['Infinity', -Infinity],
  ['a function', () => 1],
  ['a symbol', Symbol('s')],
  ['a bigint', 1n],
  ['a Date', new Date()],
  ['an instance of a class', new Reading()],
  ['bytes', new Uint8Array([1])],
  ['a boxed number', Object(1)],
  ['an error', new Error('x')],
  ['an undefined element', [1, undefined], '/1'],
  // oxlint-disable-next-line no-sparse-arrays -- what is looked for
  ['a hole', [1, , 3], '/1'],
  ['a toJSON of its own', { toJSON: () => 'other' }],
  ['an object that holds itself', self, '/self'],
  ['a list that holds itself', list, '/0/list'],
  ['a field named by a symbol', { [Symbol('s')]: 1 }],
  ['a list with a field', Object.assign([1], { extra: 2 })],
  ['what lies deep', { a: [{ 'b/c': Number.NaN }] }, '/a/0/b~1c'],
]

describe.each([
  ['z.any()', channelOf(z.object({ value: z.any() }))],
  ['z.unknown()', channelOf(z.object({ value: z.unknown() }))],
  ['a record of z.unknown()', channelOf(z.record(z.string(), z.unknown()))],
  ['a loose object', channelOf(z.looseObject({}))],
  ['a union with z.any()', channelOf(z.object({ value: z.union([z.string().min(1_000), z.any()]) }))],
] as const)('under %s', (_, channel) => {
  test.each(UNCARRIED)('%s is refused with its path', (_name, value, path = '') => {
    const checked = checkToPublish(channel, { value })
    expect(checked).toMatchObject({ ok: false, issues: [{ path: `/value${path}`, code: 'not_json' }] })
  })

  test('what JSON carries passes, and comes out as it went in', () => {
    const value = {
      text: 'ü\ud800',
      number: -1.5,
      yes: true,
      no: null,
      list: [1, [], {}],
      again: [{ a: 1 }],
      bare: Object.assign(Object.create(null), { a: 1 }),
      left: undefined,
    }
    const shared = { twice: 1 }
    const checked = checkToPublish(channel, { value: { ...value, one: shared, other: shared } })
    expect(checked.ok).toBe(true)
    const { left: _left, ...carried } = value
    if (checked.ok)
      expect(JSON.parse(JSON.stringify(checked.message))).toEqual({ value: { ...carried, one: shared, other: shared } })
  })

  test('what is nested without end is refused, and not a stack that overflows', () => {
    const checked = checkToPublish(channel, { value: deep })
    expect(checked).toMatchObject({
      ok: false,
      issues: [{ code: 'not_json', message: expect.stringContaining('deeper') }],
    })
  })

  test('no more than twenty issues', () => {
    const checked = checkToPublish(channel, { value: Array.from({ length: 100 }, () => Number.NaN) })
    expect(checked.ok ? [] : checked.issues).toHaveLength(20)
  })
})

test('an element of a list may not be undefined, though its schema says so', () => {
  const channel = channelOf(z.object({ list: z.array(z.string().optional()), pair: z.tuple([z.number().nullish()]) }))
  expect(checkToPublish(channel, { list: ['a', undefined], pair: [undefined] })).toMatchObject({
    ok: false,
    issues: [{ path: '/list/1' }, { path: '/pair/0' }],
  })
  expect(checkToPublish(channel, { list: ['a'], pair: [null] }).ok).toBe(true)
})

test('ordinary schemas are not looked through: their checks let nothing of that pass', () => {
  interface Tree {
    readonly children: readonly Tree[]
  }
  const tree: z.ZodType<Tree> = z.lazy(() => z.object({ children: z.array(tree) }))
  const ordinary = z.object({
    text: z.string(),
    number: z.number().optional(),
    kind: z.discriminatedUnion('type', [z.object({ type: z.literal('x') }), z.object({ type: z.literal('y') })]),
    labels: z.record(z.string(), z.array(z.boolean().nullable())),
    level: z.enum(['a', 'b']).default('a'),
    both: z.intersection(z.object({ a: z.iso.datetime() }), z.object({ b: z.int() })),
    pair: z.tuple([z.string()], z.number()).readonly(),
    json: z.json(),
    tree,
  })
  expect(mayHoldUncarried(ordinary)).toBe(false)
  expect(mayHoldUncarried(z.object({ ordinary, any: z.array(z.object({ x: z.any() })) }))).toBe(true)
})
