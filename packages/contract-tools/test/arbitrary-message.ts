import fc from 'fast-check'
import type { FieldSpec, Format, Spec } from './schema-spec.ts'

type Fields = Readonly<Record<string, FieldSpec>>

/** Messages for a schema, near its limits; most are valid, and whoever asks checks. */
export function messageOf(spec: Spec, depth = 0): fc.Arbitrary<unknown> {
  switch (spec.kind) {
    case 'string':
      return text(spec)
    case 'number':
      return number(spec)
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'anything':
      return fc.constantFrom<unknown>(null, 'a', '', 1, 0.5, true, [], {}, { a: 1 }, ['x'])
    case 'values':
      return fc.constantFrom(...spec.values)
    case 'list':
      return list(messageOf(spec.item, depth), spec.min ?? 0, spec.max ?? 4)
    case 'tuple': {
      const rest = spec.rest ? fc.array(messageOf(spec.rest, depth), { maxLength: 2 }) : fc.constant([])
      return fc
        .tuple(fc.tuple(...spec.items.map((item) => messageOf(item, depth))), rest)
        .map(([items, more]) => [...items, ...more])
    }
    case 'object': {
      const named = fields(spec.fields, depth)
      if (spec.others === 'dropped') return named
      const other: Spec = spec.others === 'kept' ? { kind: 'anything' } : spec.others
      const others = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'z', 'tag'), messageOf(other, depth), { maxKeys: 3 })
      return fc.tuple(others, named).map(([more, own]) => ({ ...more, ...own }))
    }
    case 'record': {
      const names = Array.isArray(spec.names)
        ? spec.names
        : ['one', 'two', 'abc', ...(spec.names === 'any' ? ['x', ''] : [])]
      return fc.dictionary(fc.constantFrom(...names), messageOf(spec.value, depth), { maxKeys: 3 })
    }
    case 'union':
      return fc.oneof(...spec.members.map((member) => messageOf(member, depth)))
    case 'variants':
      return fc.oneof(
        ...spec.members.map((member) =>
          fc
            .tuple(fc.constantFrom(...member.tags), fields(member.fields, depth))
            .map(([tag, rest]) => ({ tag, ...rest })),
        ),
      )
    case 'shared':
      return partMessages[spec.part]
    case 'hidden':
      return messageOf(spec.inner, depth)
    case 'both':
      return fc
        .tuple(messageOf(spec.left, depth), messageOf(spec.right, depth))
        .map(([left, right]) => ({ ...(left as object), ...(right as object) }))
    case 'nullable':
      return fc.oneof(fc.constant(null), messageOf(spec.inner, depth))
    case 'tree':
      return tree(spec, depth)
  }
}

const partMessages = {
  Label: fc.constantFrom('', 'b', 'a', 'bb', 'aaa', 'bbbb'),
  Names: fc.constantFrom([], ['b'], ['a', ''], ['a', 'b', 'c']),
  Amount: fc.constantFrom(0, 1, 1.5, 2, 3, 3.5, 4),
} as const

const URLS = ['ftp://h/x', 'http://localhost:3000', 'http://a.example/x', 'https://a.example', 'https://localhost/']
const HS256 = `${btoa('{"alg":"HS256"}')}.e30.c2ln`
const ES256 = `${btoa('{"alg":"ES256"}')}.e30.c2ln`
const TEXTS: Readonly<Record<Format, readonly string[]>> = {
  email: ['a@b.example', 'c.d@e.example'],
  'any-email': ['a@b.example', 'A@B', 'x y@z'],
  uuid: ['75787730-69db-4669-acf9-b0d9994ff090', '75787730-69db-7669-acf9-b0d9994ff090'],
  uuidv4: ['75787730-69db-4669-acf9-b0d9994ff090'],
  'date-time': ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.123Z'],
  offset: ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00+09:00'],
  url: URLS,
  'http-url': URLS,
  'https-url': URLS,
  'domain-url': URLS,
  jwt: [HS256, ES256],
  'jwt-es256': [HS256, ES256],
  ipv6: ['::1', 'fe80::1'],
  base64: ['', 'YQ==', 'YWI='],
}

/** As short and as long as it may be, and what lies between. */
function list(item: fc.Arbitrary<unknown>, min: number, max: number): fc.Arbitrary<unknown> {
  return fc.oneof(
    fc.array(item, { minLength: min, maxLength: Math.max(min, max) }),
    fc.array(item, { minLength: min, maxLength: min }),
    fc.array(item, { minLength: Math.max(min, max), maxLength: Math.max(min, max) }),
  )
}

function text({ min = 0, max = 7, format }: Extract<Spec, { kind: 'string' }>): fc.Arbitrary<string> {
  if (format) return fc.constantFrom(...TEXTS[format])
  const unit = fc.constantFrom('a', 'b', 'c', 'd', '1', 'A', '\n', '😀')
  return fc.oneof(
    fc.string({ unit, minLength: min, maxLength: Math.max(min, max) }),
    fc
      .constantFrom(min, Math.max(min, max))
      .chain((length) => fc.string({ unit, minLength: length, maxLength: length })),
  )
}

function number({ int, min, max, step = 1 }: Extract<Spec, { kind: 'number' }>): fc.Arbitrary<number> {
  const low = min?.value ?? -8
  const high = Math.max(low, max?.value ?? 12)
  const near = fc.constantFrom(0, 1, -1, 2, int ? 3 : 0.5)
  return fc.oneof(
    fc
      .integer({ min: Math.ceil(low / step), max: Math.max(Math.ceil(low / step), Math.floor(high / step)) })
      .map((n) => n * step),
    near.map((n) => low + n),
    near.map((n) => high - n),
  )
}

function fields(own: Fields, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const entries = Object.entries(own)
  const values = entries.map(([, { spec, presence }]) => {
    const value = messageOf(spec, depth).map((message) => ({ message }))
    if (presence === 'required') return value
    return fc.oneof(
      { weight: 4, arbitrary: fc.option(value, { nil: undefined, freq: 2 }) },
      fc.constant({ message: undefined }),
    )
  })
  return fc
    .tuple(...values)
    .map((drawn) =>
      Object.fromEntries(entries.flatMap(([name], index) => (drawn[index] ? [[name, drawn[index].message]] : []))),
    )
}

function tree(spec: Extract<Spec, { kind: 'tree' }>, depth: number): fc.Arbitrary<unknown> {
  const value = messageOf(spec.value, depth)
  const end = spec.below === 'list' ? fc.constant([]) : fc.constant(spec.below === 'nullable' ? null : undefined)
  // Two levels show whatever there is to see.
  const below =
    depth >= 2
      ? end
      : fc.oneof(end, spec.below === 'list' ? fc.array(tree(spec, depth + 1), { maxLength: 2 }) : tree(spec, depth + 1))
  return fc
    .tuple(value, below)
    .map(([own, under]) => (under === undefined ? { value: own } : { value: own, below: under }))
}
