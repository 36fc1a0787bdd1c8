import fc from 'fast-check'
import { messageOf } from './arbitrary-message.ts'
import {
  type FieldSpec,
  type Format,
  type HiddenRule,
  type Limit,
  type Names,
  type ObjectSpec,
  type Spec,
  toZod,
  type Value,
  type VariantSpec,
} from './schema-spec.ts'

const FIELD_NAMES = ['a', 'b', 'c', 'tag', 'x/y']
const VALUES: readonly Value[] = ['red', 'green', 'blue', 'a', '', 1, 2, true, null]
const TAGS = ['p', 'q', 'r', 's']

export const FORMAT_NAMES: readonly Format[] = [
  'email',
  'any-email',
  'uuid',
  'uuidv4',
  'date-time',
  'offset',
  'url',
  'http-url',
  'https-url',
  'domain-url',
  'jwt',
  'jwt-es256',
  'ipv6',
  'base64',
]

const perhaps = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined })

/** Leaves out what is undefined, since the types are exact. */
function compact<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T
}

const limit: fc.Arbitrary<Limit> = fc.record({ value: fc.integer({ min: -3, max: 6 }), exclusive: fc.boolean() })

export const stringSpec: fc.Arbitrary<Spec> = fc.oneof(
  fc
    .record({
      kind: fc.constant('string' as const),
      min: perhaps(fc.integer({ min: 0, max: 3 })),
      max: perhaps(fc.integer({ min: 3, max: 6 })),
      pattern: perhaps(fc.constantFrom('^[a-c]*$', '^[a-d]*$', 'a', '^.?.?$')),
      flags: perhaps(fc.constantFrom('i', 'u', 's')),
    })
    .map((spec) => compact(spec) as Spec),
  fc
    .record({
      kind: fc.constant('string' as const),
      format: fc.constantFrom(...FORMAT_NAMES),
      pattern: perhaps(fc.constant('a')),
    })
    .map((spec) => compact(spec) as Spec),
)

export const numberSpec: fc.Arbitrary<Spec> = fc
  .record({
    kind: fc.constant('number' as const),
    int: fc.boolean(),
    min: perhaps(limit),
    max: perhaps(limit),
    step: perhaps(fc.constantFrom(1, 2, 3, 4, 0.5)),
  })
  .map((spec) => compact(spec) as Spec)

export const valuesSpec: fc.Arbitrary<Spec> = fc
  .uniqueArray(fc.constantFrom(...VALUES), { minLength: 1, maxLength: 4 })
  .map((values) => ({ kind: 'values', values }))

export const sharedSpec: fc.Arbitrary<Spec> = fc
  .record({
    kind: fc.constant('shared' as const),
    part: fc.constantFrom('Label' as const, 'Names' as const, 'Amount' as const),
    narrow: perhaps(fc.constantFrom('more' as const, 'less' as const, 'other' as const)),
  })
  .map((spec) => compact(spec) as Spec)

const scalarSpec: fc.Arbitrary<Spec> = fc.oneof(
  stringSpec,
  numberSpec,
  valuesSpec,
  sharedSpec,
  fc.constantFrom<Spec>({ kind: 'boolean' }, { kind: 'null' }, { kind: 'anything' }),
)

export const namesSpec: fc.Arbitrary<Names> = fc.oneof(
  fc.constantFrom<Names>('any', 'three-letters'),
  fc.uniqueArray(fc.constantFrom('one', 'two', 'abc', 'x'), { minLength: 1, maxLength: 3 }),
)

/** A default is valid for its own field: a channel with any other is refused where it is defined. */
function field(spec: Spec): fc.Arbitrary<FieldSpec> {
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom<FieldSpec>({ spec, presence: 'required' }, { spec, presence: 'optional' }),
    },
    { weight: 1, arbitrary: messageOf(spec).map((value): FieldSpec => ({ spec, presence: { prefault: value } })) },
    { weight: 1, arbitrary: messageOf(spec).map((value) => withDefault(spec, value)) },
  )
}

/** What the field makes of a value is a default that is whole. */
function withDefault(spec: Spec, value: unknown): FieldSpec {
  try {
    return { spec, presence: { default: toZod(spec).parse(value) } }
  } catch {
    // An intersection throws what is no answer; such a schema is refused as a channel's.
    return { spec, presence: 'optional' }
  }
}

const HIDDEN_RULES: readonly HiddenRule[] = ['short', 'even', 'property', 'own-format', 'other-format']

export const hiddenSpec = (inner: Spec): fc.Arbitrary<Spec> =>
  fc.constantFrom(...HIDDEN_RULES).map((rule) => ({
    kind: 'hidden',
    inner: rule.endsWith('-format') ? { kind: 'string' } : inner,
    rule,
  }))

export const fieldOf = (spec: fc.Arbitrary<Spec>): fc.Arbitrary<FieldSpec> => spec.chain(field)

export function fieldsOf(spec: fc.Arbitrary<Spec>): fc.Arbitrary<Readonly<Record<string, FieldSpec>>> {
  return fc
    .uniqueArray(fc.tuple(fc.constantFrom(...FIELD_NAMES), fieldOf(spec)), { selector: ([name]) => name, maxLength: 3 })
    .map((entries) => Object.fromEntries(entries))
}

export function variantsOf(spec: fc.Arbitrary<Spec>): fc.Arbitrary<readonly VariantSpec[]> {
  const groups = fc.constantFrom([['p'], ['q']], [['p'], ['q'], ['r']], [['p', 'q'], ['r']], [['p'], ['q', 'r'], ['s']])
  return groups.chain((tags) =>
    fc.tuple(...tags.map((own) => withoutTag(fieldsOf(spec)).map((fields): VariantSpec => ({ tags: own, fields })))),
  )
}

/** A variant has its tag apart. */
export function omitTag(fields: Readonly<Record<string, FieldSpec>>): Readonly<Record<string, FieldSpec>> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== 'tag'))
}

function withoutTag(fields: fc.Arbitrary<Readonly<Record<string, FieldSpec>>>) {
  return fields.map(omitTag)
}

export const newTag = fc.constantFrom(...TAGS)

/** Any schema that a channel may have, three levels deep. */
export const anySpec: fc.Arbitrary<Spec> = fc.letrec<{ spec: Spec }>((tie) => {
  const inner = tie('spec') as fc.Arbitrary<Spec>
  return {
    spec: fc.oneof(
      { maxDepth: 3, depthSize: 'small', depthIdentifier: 'spec' },
      scalarSpec,
      fc
        .record({
          kind: fc.constant('list' as const),
          item: inner,
          min: perhaps(fc.nat(2)),
          max: perhaps(fc.integer({ min: 2, max: 4 })),
        })
        .map((spec) => compact(spec) as Spec),
      fc
        .record({
          kind: fc.constant('tuple' as const),
          items: fc.array(inner, { minLength: 1, maxLength: 3 }),
          rest: perhaps(inner),
        })
        .map((spec) => compact(spec) as Spec),
      objectSpec(inner),
      objectSpec(inner),
      fc.record({ kind: fc.constant('record' as const), names: namesSpec, value: inner }),
      fc.record({ kind: fc.constant('union' as const), members: fc.array(inner, { minLength: 2, maxLength: 3 }) }),
      fc.record({
        kind: fc.constant('union' as const),
        members: fc.array(inner, { minLength: 2, maxLength: 3 }),
        exclusive: fc.constant(true),
      }),
      fc
        .tuple(objectSpec(inner), objectSpec(inner))
        .map(([left, right]): Spec => ({ kind: 'both', left: closed(left, ''), right: closed(right, '2') })),
      fc.record({ kind: fc.constant('variants' as const), members: variantsOf(inner) }),
      fc.record({ kind: fc.constant('nullable' as const), inner }),
      fc.record({
        kind: fc.constant('tree' as const),
        value: inner,
        below: fc.constantFrom('list' as const, 'optional' as const, 'nullable' as const),
      }),
    ),
  }
}).spec

/** The two sides of an intersection may not share a field. */
function closed({ fields }: ObjectSpec, ending: string): ObjectSpec {
  const own = Object.entries(fields).map(([name, field]) => [`${name}${ending}`, field] as const)
  return { kind: 'object', fields: Object.fromEntries(own), others: 'dropped' }
}

function objectSpec(inner: fc.Arbitrary<Spec>): fc.Arbitrary<ObjectSpec> {
  return fc.record({
    kind: fc.constant('object' as const),
    fields: fieldsOf(inner),
    others: fc.oneof(
      { weight: 4, arbitrary: fc.constant('dropped' as const) },
      { weight: 1, arbitrary: fc.constant('kept' as const) },
      { weight: 1, arbitrary: inner },
    ),
  })
}
