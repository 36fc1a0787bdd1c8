import { type Channel, type Compatibility, defineChannel } from '@alarm-bus/contracts'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { gate } from './gate.ts'

// Edits that take nothing from anybody in the mode that stands with them. Teams switch off a gate that cries wolf.

type Make = () => z.ZodType
type Row = readonly [what: string, mode: Compatibility, before: Make, after: Make]

const s = z.string()
const n = z.number()
const field = (what: string, mode: Compatibility, before: Make, after: Make): Row => [
  what,
  mode,
  () => z.object({ f: before() }),
  () => z.object({ f: after() }),
]

const a = z.object({ type: z.literal('a'), x: s })
const b = z.object({ type: z.literal('b') })
const c = z.object({ type: z.literal('c') })
const of = (...members: readonly z.ZodType[]) => z.discriminatedUnion('type', members as never)
const more = a.extend({ y: s.optional() })
const email = z.object({ email: s })
const phone = z.object({ phone: s })
const label = (id: string, least = 1) => s.min(least).meta({ id })
const twoOf = (part: z.ZodString, most: number) => z.tuple([part, part.max(most)])

const fields: readonly Row[] = [
  ['an optional field more', 'full', () => z.object({ a: s }), () => z.object({ a: s, b: s.optional() })],
  ['a field more that is filled in', 'full', () => z.object({ a: s }), () => z.object({ a: s, b: n.default(1) })],
  ['a field more, filled in before it is checked', 'full', () => z.object({}), () => z.object({ b: n.prefault(1) })],
  ['an optional object more', 'full', () => z.object({}), () => z.object({ b: z.object({ c: s }).optional() })],
  ['another order of fields', 'full', () => z.object({ a: s, b: n }), () => z.object({ b: n, a: s })],
  ['a field that is filled in from now on', 'full', () => z.object({ a: s }), () => z.object({ a: s.default('x') })],
  ['a field that may be left out', 'backward', () => z.object({ a: s }), () => z.object({ a: s.optional() })],
  [
    'a field less, for whom only old consumers count',
    'forward',
    () => z.object({ a: s.optional() }),
    () => z.object({}),
  ],
  [
    'one less in a list, added optional',
    'full',
    () => z.array(z.object({})),
    () => z.array(z.object({ a: n.optional() })),
  ],
  ['extend() in place of a shape', 'full', () => z.object({ a: s, b: n }), () => z.object({ a: s }).extend({ b: n })],
  ['other fields let through', 'full', () => z.object({ a: s }), () => z.looseObject({ a: s })],
  field(
    'a part taken out into a constant',
    'full',
    () => z.object({ x: s }),
    () => z.object({ x: s }).meta({ id: 'X' }),
  ),
  field(
    'readonly()',
    'full',
    () => z.array(s),
    () => z.array(s).readonly(),
  ),
  field(
    'brand()',
    'full',
    () => s,
    () => s.brand('Id'),
  ),
  field(
    'lazy()',
    'full',
    () => s,
    () => z.lazy(() => s),
  ),
]

const words: readonly Row[] = [
  field(
    'a description',
    'full',
    () => s,
    () => s.describe('words'),
  ),
  field(
    'an example',
    'full',
    () => s.meta({ examples: ['a'] }),
    () => s.meta({ examples: ['b'] }),
  ),
  field(
    'own metadata',
    'full',
    () => n,
    () => n.meta({ unit: 'ms' }),
  ),
  field(
    'other own metadata',
    'full',
    () => n.meta({ unit: 'ms' }),
    () => n.meta({ unit: 's', owner: 'alarms' }),
  ),
  field(
    'own metadata of an object',
    'full',
    () => a,
    () => a.meta({ pii: true }),
  ),
  field(
    'own metadata in a union',
    'full',
    () => z.union([a, phone]),
    () => z.union([a.meta({ pii: true }), phone]),
  ),
  field(
    'deprecated',
    'full',
    () => s,
    () => s.meta({ deprecated: true }),
  ),
  field(
    'an error of its own',
    'full',
    () => s.min(1),
    () => s.min(1, 'words'),
  ),
  field(
    'another id',
    'full',
    () => label('Old'),
    () => label('New'),
  ),
]

const defaults: readonly Row[] = [
  field(
    'made anew',
    'full',
    () => z.uuid().default(() => crypto.randomUUID()),
    () => z.uuid().default(() => crypto.randomUUID()),
  ),
  field(
    'the present time',
    'full',
    () => z.iso.datetime().default(() => new Date(Date.now() - 60_000).toISOString()),
    () => z.iso.datetime().default(() => new Date().toISOString()),
  ),
  field(
    'the present time as a number',
    'full',
    () => n.default(() => Date.now() - 60_000),
    () => n.default(() => Date.now()),
  ),
  field(
    'in an object',
    'full',
    () => z.object({ id: s, at: n }).default(() => ({ id: crypto.randomUUID(), at: Date.now() })),
    () => z.object({ id: s, at: n }).default(() => ({ id: crypto.randomUUID(), at: Date.now() })),
  ),
  field(
    'a value, then made anew',
    'full',
    () => s.default('x'),
    () => s.default(() => crypto.randomUUID()),
  ),
  field(
    'another value',
    'full',
    () => s.default('x'),
    () => s.default('y'),
  ),
  field(
    'another value within a union',
    'full',
    () => of(a, b.extend({ z: n.default(1) })),
    () => of(a, b.extend({ z: n.default(2) })),
  ),
]

const unions: readonly Row[] = [
  field(
    'nullable: a member more',
    'backward',
    () => of(a, b).nullable(),
    () => of(a, b, c).nullable(),
  ),
  field(
    'nullable: an optional field more',
    'full',
    () => of(a, b).nullable(),
    () => of(more, b).nullable(),
  ),
  field(
    'nullable from now on',
    'backward',
    () => of(a, b),
    () => of(a, b).nullable(),
  ),
  field(
    'nullish: an optional field more',
    'full',
    () => of(a, b).nullish(),
    () => of(more, b).nullish(),
  ),
  field(
    'beside a plain member: a member more',
    'backward',
    () => z.union([of(a, b), s]),
    () => z.union([of(a, b, c), s]),
  ),
  field(
    'beside a plain member: a field more',
    'full',
    () => z.union([of(a, b), s]),
    () => z.union([of(more, b), s]),
  ),
  field(
    'beside a plain member, in another order',
    'full',
    () => z.union([of(a, b), s]),
    () => z.union([s, of(a, b)]),
  ),
  field(
    'a plain member more',
    'backward',
    () => of(a, b),
    () => z.union([of(a, b), s]),
  ),
  field(
    'within another: a field more',
    'full',
    () => of(of(a, b), c),
    () => of(of(more, b), c),
  ),
  field(
    'within another: a member more',
    'backward',
    () => of(of(a, b)),
    () => of(of(a, b), c),
  ),
  field(
    'within another, by another tag',
    'full',
    () => of(a, z.discriminatedUnion('kind', [b.extend({ kind: z.literal(1) }), b.extend({ kind: z.literal(2) })])),
    () =>
      of(
        a,
        z.discriminatedUnion('kind', [
          b.extend({ kind: z.literal(1), y: s.optional() }),
          b.extend({ kind: z.literal(2) }),
        ]),
      ),
  ),
  field(
    'no longer within another',
    'full',
    () => of(of(a, b), c),
    () => of(a, b, c),
  ),
  field(
    'a tag that gains a value',
    'backward',
    () => of(z.object({ type: z.enum(['a', 'd']) }), b),
    () => of(z.object({ type: z.enum(['a', 'd', 'e']) }), b),
  ),
  field(
    'a tag that gains a value, and a field',
    'backward',
    () => of(z.object({ type: z.literal('a') }), b),
    () => of(z.object({ type: z.enum(['a', 'd']), y: s.optional() }), b),
  ),
  field(
    'a value taken out into a member of its own',
    'full',
    () => of(z.object({ type: z.enum(['a', 'd']) }), b),
    () => of(z.object({ type: z.literal('a') }), z.object({ type: z.literal('d') }), b),
  ),
  field(
    'discriminatedUnion() in place of union()',
    'full',
    () => z.union([a, b]),
    () => of(a, b),
  ),
  field(
    'tagged members of a plain union in another order',
    'full',
    () => z.union([a, b]),
    () => z.union([b, a]),
  ),
  field(
    'a literal more beside numbers',
    'backward',
    () => z.union([z.literal('auto'), n]),
    () => z.union([z.literal('auto'), z.literal('off'), n]),
  ),
  field(
    'literals as an enum beside numbers',
    'full',
    () => z.union([z.literal('a'), z.literal('b'), n]),
    () => z.union([z.enum(['a', 'b']), n]),
  ),
  field(
    'numbers beside a literal',
    'backward',
    () => z.literal('auto'),
    () => z.union([z.literal('auto'), n]),
  ),
  field(
    'plain objects: an optional field more',
    'full',
    () => z.union([email, phone]),
    () => z.union([email.extend({ name: s.optional() }), phone]),
  ),
  field(
    'plain objects: a bound loosened',
    'backward',
    () => z.union([z.object({ email: s.max(9) }), phone]),
    () => z.union([email, phone]),
  ),
  field(
    'plain objects: one more',
    'backward',
    () => z.union([email, phone]),
    () => z.union([email, phone, z.object({ fax: s })]),
  ),
  field(
    'plain objects that share their fields: an optional field more',
    'full',
    () => z.union([z.object({ x: s, y: s }), z.object({ x: s })]),
    () => z.union([z.object({ x: s, y: s, z: n.optional() }), z.object({ x: s })]),
  ),
  field(
    'a union of one',
    'full',
    () => s,
    () => z.union([s]),
  ),
  field(
    'nullable twice',
    'full',
    () => s.nullable(),
    () => s.nullable().nullable(),
  ),
  field(
    'a list, then what holds it',
    'backward',
    () => z.enum(['a', 'b']),
    () => s,
  ),
]

const bounds: readonly Row[] = [
  field(
    'int().positive() to int().min(1)',
    'full',
    () => z.int().positive(),
    () => z.int().min(1),
  ),
  field(
    'int().min(1) to int().positive()',
    'full',
    () => z.int().min(1),
    () => z.int().positive(),
  ),
  field(
    'int().lt(10) to int().max(9)',
    'full',
    () => z.int().lt(10),
    () => z.int().max(9),
  ),
  field(
    'int().min(0.5) to int().min(1)',
    'full',
    () => z.int().min(0.5),
    () => z.int().min(1),
  ),
  field(
    'number().int() to int()',
    'full',
    () => n.int(),
    () => z.int(),
  ),
  field(
    'a bound said twice',
    'full',
    () => s.min(2),
    () => s.min(1).min(2),
  ),
  field(
    'length() to min() and max()',
    'full',
    () => s.length(3),
    () => s.min(3).max(3),
  ),
  field(
    'a bound loosened',
    'backward',
    () => s.max(10),
    () => s.max(20),
  ),
  field(
    'a bound taken away',
    'backward',
    () => n.max(10),
    () => n,
  ),
  field(
    'a bound of a shared part loosened at one place',
    'backward',
    () => twoOf(label('L'), 3),
    () => twoOf(label('L'), 4),
  ),
  field(
    'a shared part loosened',
    'backward',
    () => z.array(label('L', 2)),
    () => z.array(label('L', 1)),
  ),
  field(
    'a pattern in another order',
    'full',
    () => s.regex(/a/).regex(/b/),
    () => s.regex(/b/).regex(/a/),
  ),
  field(
    'a pattern with g',
    'full',
    () => s.regex(/a/),
    () => s.regex(/a/g),
  ),
  field(
    'a format in another order',
    'full',
    () => z.url().max(9),
    () => s.check(z.url()).max(9),
  ),
  field(
    'a url of any kind',
    'backward',
    () => z.httpUrl(),
    () => z.url(),
  ),
  field(
    'a token of any kind',
    'backward',
    () => z.jwt({ alg: 'ES256' }),
    () => z.jwt(),
  ),
  field(
    'httpUrl() spelled out',
    'full',
    () => z.httpUrl(),
    () => z.url({ protocol: z.regexes.httpProtocol, hostname: z.regexes.domain }),
  ),
  field(
    'values of a record loosened',
    'backward',
    () => z.record(s, n.max(1)),
    () => z.record(s, n),
  ),
  field(
    'names of a record loosened',
    'backward',
    () => z.record(s.min(2), n),
    () => z.record(s, n),
  ),
  field(
    'one more name',
    'backward',
    () => z.partialRecord(z.enum(['a']), n),
    () => z.partialRecord(z.enum(['a', 'b']), n),
  ),
]

const rows = [...fields, ...words, ...defaults, ...unions, ...bounds]

const channel = (schema: z.ZodType, compatibility: Compatibility): Channel =>
  defineChannel({ name: 'x', subject: 'x', description: 'x', schema, compatibility })

test.each(rows)('%s (%s)', (_, mode, before, after) => {
  const { outcome, differences } = gate(channel(before(), mode), channel(after(), mode))
  expect(differences.filter(({ breaking }) => breaking)).toEqual([])
  expect(outcome).toBe('compatible')
})

test("a default that is made anew differs in nothing, so that it stands in no release's way", () => {
  const made = () => z.object({ id: z.uuid().default(() => crypto.randomUUID()), at: n.default(() => Date.now()) })
  expect(gate(channel(made(), 'full'), channel(made(), 'full')).differences).toEqual([])
})

test('there are more than sixty of them', () => expect(rows.length).toBeGreaterThan(60))
