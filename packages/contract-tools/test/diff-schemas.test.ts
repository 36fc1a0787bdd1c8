import { defineChannel } from '@alarm-bus/contracts'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { diffSchemas } from '../src/compatibility/diff-schemas.ts'

const jsonOf = (schema: z.ZodType) => defineChannel({ name: 'x', subject: 'x', description: 'x', schema }).jsonSchema
const diff = (before: z.ZodType, after: z.ZodType) => diffSchemas(jsonOf(before), jsonOf(after))
/** One difference in a line: path, kind, and whom it breaks (n: new consumer, o: old consumer, p: producer). */
const lines = (before: z.ZodType, after: z.ZodType) =>
  diff(before, after).map(({ path, kind, breaks }) => {
    const who = breaks
      .map((party) => party[0])
      .sort()
      .join('')
    return `${path || '/'} ${kind} ${who || '-'}`
  })
/** A field of this type, in place of a field of that. */
const field = (before: z.ZodType, after: z.ZodType) => lines(z.object({ f: before }), z.object({ f: after }))

const s = z.string()
const n = z.number()
const text = { f: s }

describe('fields', () => {
  test.each([
    ['added, required', z.object({}), z.object(text), ['/f field_added_required np']],
    ['added, optional', z.object({}), z.object({ f: s.optional() }), ['/f field_added_optional -']],
    ['added with a default', z.object({}), z.object({ f: s.default('x') }), ['/f field_added_optional -']],
    ['removed, was required', z.object(text), z.object({}), ['/f field_removed op']],
    ['removed, was optional', z.object({ f: s.optional() }), z.object({}), ['/f field_removed p']],
    ['required from now on', z.object({ f: s.optional() }), z.object(text), ['/f field_became_required np']],
    ['optional from now on', z.object(text), z.object({ f: s.optional() }), ['/f field_became_optional o']],
    [
      'optional with a default from now on, which publishers fill in',
      z.object(text),
      z.object({ f: s.default('x') }),
      ['/f default_added -', '/f field_became_optional -'],
    ],
    [
      'required from now on, with no default any more: older messages may lack it',
      z.object({ f: s.default('x') }),
      z.object(text),
      ['/f default_removed -', '/f field_became_required np'],
    ],
    [
      'with another default',
      z.object({ f: s.default('x') }),
      z.object({ f: s.default('y') }),
      ['/f default_changed -'],
    ],
    ['with an awkward name', z.object({}), z.object({ 'a/b~c': s }), ['/a~1b~0c field_added_required np']],
    ['in a list', z.array(z.object({})), z.array(z.object(text)), ['/[]/f field_added_required np']],
    [
      'called as a prototype is',
      z.object({}),
      z.object({ toString: s.optional() }),
      ['/toString field_added_optional -'],
    ],
  ])('%s', (_, before, after, expected) => expect(lines(before, after)).toEqual(expected))
})

describe('types', () => {
  test.each([
    ['another type', s, n, ['/f type_changed nop']],
    ['a whole number, then any', z.int(), n, ['/f type_widened o', '/f bound_loosened o', '/f bound_loosened o']],
    [
      'any number, then a whole one',
      n,
      z.int(),
      ['/f type_narrowed np', '/f bound_tightened np', '/f bound_tightened np'],
    ],
    ['one type, then either of two', s, z.union([s, n]), ['/f union_member_added o']],
    ['either of two, then one', z.union([s, n]), s, ['/f union_member_removed np']],
    ['anything, then something', z.unknown(), s, ['/f type_narrowed np']],
    ['something, then anything', s, z.unknown(), ['/f type_widened o']],
    ['null as well', s, s.nullable(), ['/f null_added o']],
    ['no null any more', s.nullable(), s, ['/f null_removed np']],
    ['null as well as an object', z.object(text), z.object(text).nullable(), ['/f null_added o']],
  ])('%s', (_, before, after, expected) => expect(field(before, after)).toEqual(expected))
})

describe('values', () => {
  test.each([
    ['one more', z.enum(['a']), z.enum(['a', 'b']), ['/f enum_value_added o']],
    ['one less', z.enum(['a', 'b']), z.enum(['a']), ['/f enum_value_removed np']],
    ['another order', z.enum(['a', 'b']), z.enum(['b', 'a']), []],
    ['another literal', z.literal('a'), z.literal('b'), ['/f const_changed nop']],
    ['a literal, then a list', z.literal('a'), z.enum(['a', 'b']), ['/f enum_value_added o']],
    ['null as well', z.enum(['a']), z.enum(['a']).nullable(), ['/f null_added o']],
    ['a list, then any text that holds them', z.enum(['a', 'b']), s.min(1), ['/f type_widened o']],
    [
      'a list, then text that one of them is not',
      z.enum(['a', 'bb']),
      s.min(2),
      ['/f enum_value_removed np', '/f type_widened o'],
    ],
    ['any text, then a list', s, z.enum(['a', 'b']), ['/f type_narrowed np']],
    [
      'text, then a list with what it never was',
      s.max(1),
      z.enum(['a', 'bb']),
      ['/f enum_value_added o', '/f type_narrowed np'],
    ],
    ['literals of a union', z.union([z.literal('a'), z.literal(1)]), z.literal('a'), ['/f enum_value_removed np']],
  ])('%s', (_, before, after, expected) => expect(field(before, after)).toEqual(expected))
})

describe('bounds', () => {
  const list = z.array(s)
  test.each([
    ['minLength', s.min(1), s.min(2), s],
    ['maxLength', s.max(9), s.max(8), s],
    ['minimum', n.min(1), n.min(2), n],
    ['maximum', n.max(9), n.max(8), n],
    ['exclusiveMinimum in place of minimum', n.min(1), n.gt(1), n],
    ['exclusiveMaximum in place of maximum', n.max(1), n.lt(1), n],
    ['exclusiveMinimum', n.gt(0), n.gt(1), n],
    ['minItems', list.min(1), list.min(2), list],
    ['maxItems', list.max(9), list.max(8), list],
    ['multipleOf', n.multipleOf(2), n.multipleOf(4), n],
  ])('%s tightened, loosened, added, removed', (_, loose, tight, none) => {
    expect(field(loose, tight)).toEqual(['/f bound_tightened np'])
    expect(field(tight, loose)).toEqual(['/f bound_loosened o'])
    expect(field(none, loose)).toEqual(['/f bound_tightened np'])
    expect(field(loose, none)).toEqual(['/f bound_loosened o'])
  })

  test('steps that do not contain each other, or are no whole numbers', () => {
    expect(field(n.multipleOf(2), n.multipleOf(3))).toEqual(['/f bound_changed nop'])
    expect(field(n.multipleOf(0.2), n.multipleOf(0.1))).toEqual(['/f bound_changed nop'])
  })

  test('uniqueItems, which zod does not write but another author may', () => {
    const unique = { type: 'array', uniqueItems: true }
    const breaks = (before: object, after: object) =>
      diffSchemas(before as never, after as never).map(({ kind }) => kind)
    expect(breaks({ type: 'array' }, unique)).toEqual(['bound_tightened'])
    expect(breaks(unique, { type: 'array' })).toEqual(['bound_loosened'])
  })
})

describe('patterns and formats', () => {
  test.each([
    ['a pattern more', s, s.regex(/a/), ['/f pattern_added np']],
    ['a pattern less', s.regex(/a/), s, ['/f pattern_removed o']],
    ['another pattern, though it allows more', s.regex(/^a$/), s.regex(/a/), ['/f pattern_changed nop']],
    ['a second pattern', s.regex(/a/), s.regex(/a/).regex(/b/), ['/f pattern_added np']],
    ['a format', s, z.url(), ['/f format_added np']],
    ['no format', z.url(), s, ['/f format_removed o']],
    ['another format', z.uuid(), z.email(), ['/f format_changed nop', '/f pattern_changed nop']],
  ])('%s', (_, before, after, expected) => expect(field(before, after)).toEqual(expected))
})

describe('unions', () => {
  const a = z.object({ type: z.literal('a'), x: s })
  const b = z.object({ type: z.literal('b') })
  const c = z.object({ type: z.literal('c') })
  const of = (...members: z.ZodType[]) => z.discriminatedUnion('type', members as never)
  test.each([
    ['a member more', of(a, b), of(a, b, c), ['/f[type="c"] union_member_added o']],
    ['a member less', of(a, b, c), of(a, b), ['/f[type="c"] union_member_removed np']],
    ['another order', of(a, b), of(b, a), []],
    ['inside a member', of(a, b), of(z.object({ type: z.literal('a'), x: n }), b), ['/f[type="a"]/x type_changed nop']],
    [
      'no discriminator, one more at the end',
      z.union([z.object(text), b]),
      z.union([z.object(text), b, c]),
      ['/f union_member_added o'],
    ],
    [
      'no discriminator, another order: the first that fits drops the others’ fields',
      z.union([z.object(text), b]),
      z.union([b, z.object(text)]),
      ['/f union_changed nop'],
    ],
    [
      'a field more that another member has: what was its message may go there',
      z.union([z.object({ x: s }), z.object({ x: s, y: n })]),
      z.union([z.object({ x: s, y: s.optional() }), z.object({ x: s, y: n })]),
      ['/f union_changed nop'],
    ],
    [
      'texts of either format',
      z.union([z.email(), z.url()]),
      z.union([z.url(), z.uuid()]),
      ['/f union_member_removed np', '/f union_member_added o'],
    ],
    [
      'exactly one of two that overlap',
      z.xor([s.min(2), s.max(5)]),
      z.xor([s.min(2), s.max(6)]),
      ['/f union_changed nop'],
    ],
  ])('%s', (_, before, after, expected) => expect(field(before, after)).toEqual(expected))
})

describe('what has no names for its fields or places', () => {
  const record = z.record(s, n)
  test.each([
    ['values of a record', record, z.record(s, s), ['/f/{} type_changed nop']],
    ['names of a record', record, z.record(s.min(2), n), ['/f/{name} type_narrowed np']],
    [
      'fewer names',
      z.partialRecord(z.enum(['a', 'b']), n),
      z.partialRecord(z.enum(['a']), n),
      ['/f/{name} enum_value_removed np'],
    ],
    ['an open object, closed', z.looseObject({}), z.object({}), ['/f/{} unknown_fields_refused p']],
    ['a closed object, open', z.object({}), z.looseObject({}), ['/f/{} unknown_fields_allowed -']],
    [
      'a field that was one of the others',
      z.object({}).catchall(s),
      z.object({ g: n.optional() }).catchall(s),
      ['/f/g field_added_optional -', '/f/g type_changed nop'],
    ],
    [
      'a longer tuple',
      z.tuple([s]),
      z.tuple([s, s]),
      ['/f bound_tightened np', '/f bound_loosened o', '/f tuple_changed nop'],
    ],
    ['a place in a tuple', z.tuple([s, s]), z.tuple([s, n]), ['/f/1 type_changed nop']],
    ['a tuple that may go on', z.tuple([s]), z.tuple([s], n), ['/f bound_loosened o', '/f/[] type_widened o']],
  ])('%s', (_, before, after, expected) => expect(field(before, after)).toEqual(expected))
})

describe('schemas that contain themselves', () => {
  const tree = (value: z.ZodType) => {
    const node: z.ZodType = z.object({
      value,
      get children() {
        return z.array(node)
      },
    })
    return node
  }

  test('are compared once, wherever they stand', () => {
    expect(lines(tree(s), tree(s))).toEqual([])
    expect(lines(tree(s), tree(n))).toEqual(['/value type_changed nop'])
    expect(lines(z.object({ a: tree(s), b: tree(s) }), z.object({ a: tree(s), b: tree(s.min(1)) }))).toEqual([
      '/b/value bound_tightened np',
    ])
  })
})

test('a field that holds its own object and is gone among others of the same kind is compared once', () => {
  const before: z.ZodType = z.object({
    get below() {
      return before.optional()
    },
  })
  const after: z.ZodType = z.object({}).catchall(z.lazy(() => after))
  expect(lines(z.object({ f: before }), z.object({ f: after }))).toEqual([
    '/f/below field_removed p',
    '/f/{} unknown_fields_allowed -',
  ])
})

test('descriptions and examples change nothing', () => {
  const before = z.object({ f: s.describe('one').meta({ examples: ['a'] }) })
  expect(diff(before, z.object({ f: s.describe('two').meta({ examples: ['b'], 'x-team': 'alarms' }) }))).toEqual([])
})

test('an unknown keyword breaks everyone, and so does a node without a type', () => {
  const object = (more: object) => ({ type: 'object', ...more }) as never
  const [found] = diffSchemas(object({}), object({ dependentRequired: { a: ['b'] } }))
  expect(found).toMatchObject({ kind: 'unjudged', breaks: ['new-consumer', 'old-consumer', 'producer'] })
  expect(diffSchemas({ allOf: [{ minLength: 1 }] }, { allOf: [{ minLength: 2 }] })).toMatchObject([
    { kind: 'unjudged' },
  ])
  expect(diffSchemas({ $ref: 'https://elsewhere.example' }, { $ref: '#' })).toMatchObject([{ kind: 'unjudged' }])
})

test('a difference carries what was and what is', () => {
  expect(diff(z.object({ f: s.max(9) }), z.object({ f: s.max(8) }))).toEqual([
    {
      path: '/f',
      kind: 'bound_tightened',
      before: { maxLength: 9 },
      after: { maxLength: 8 },
      breaks: ['new-consumer', 'producer'],
    },
  ])
})
