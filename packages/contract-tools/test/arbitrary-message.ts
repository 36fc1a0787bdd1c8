import fc from 'fast-check'
import type { FieldSpec, Spec } from './schema-spec.ts'

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
      return fc.array(messageOf(spec.item, depth), { minLength: spec.min ?? 0, maxLength: spec.max ?? 4 })
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
    case 'nullable':
      return fc.oneof(fc.constant(null), messageOf(spec.inner, depth))
    case 'tree':
      return tree(spec, depth)
  }
}

function text({ min = 0, max = 7, format }: Extract<Spec, { kind: 'string' }>): fc.Arbitrary<string> {
  if (format === 'email') return fc.constantFrom('a@b.example', 'c.d@e.example')
  if (format === 'uuid') return fc.uuid({ version: 4 })
  if (format === 'date-time') return fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-01T00:00:00.123Z')
  return fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', '1'), minLength: min, maxLength: Math.max(min, max) })
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
    return presence === 'required' ? value : fc.option(value, { nil: undefined, freq: 2 })
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
