import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ContractError, defineChannel } from '../src/index.ts'

// All that zod exports, each classified. One that a new version of zod brings is in no list, and the first test says so.

type Schemas = readonly (() => z.ZodType)[]

const s = z.string()
const n = z.number()
const object = z.object({ a: s })
const tag = (name: string) => z.object({ type: z.literal(name) })

/** Makers of schemas and checks that a channel may use, each with every option. */
const COMPARABLE: Readonly<Record<string, Schemas>> = {
  string: [() => s, () => z.string('words')],
  email: [() => z.email(), () => z.email({ pattern: /^.+@.+$/i }), () => z.email({ abort: true, error: 'words' })],
  guid: [() => z.guid()],
  uuid: [() => z.uuid(), () => z.uuid({ version: 'v4' })],
  uuidv4: [() => z.uuidv4()],
  uuidv6: [() => z.uuidv6()],
  uuidv7: [() => z.uuidv7()],
  url: [() => z.url(), () => z.url({ protocol: /^ftp$/ }), () => z.url({ hostname: /^a$/i }), () => z.url().max(9)],
  httpUrl: [() => z.httpUrl()],
  emoji: [() => z.emoji()],
  nanoid: [() => z.nanoid(), () => z.nanoid({ length: 9 })],
  cuid: [() => z.cuid()],
  cuid2: [() => z.cuid2()],
  ulid: [() => z.ulid()],
  xid: [() => z.xid()],
  ksuid: [() => z.ksuid()],
  ipv4: [() => z.ipv4()],
  ipv6: [() => z.ipv6()],
  mac: [() => z.mac(), () => z.mac({ delimiter: '-' })],
  cidrv4: [() => z.cidrv4()],
  cidrv6: [() => z.cidrv6()],
  base64: [() => z.base64()],
  base64url: [() => z.base64url()],
  e164: [() => z.e164()],
  creditCard: [() => z.creditCard()],
  currencyCode: [() => z.currencyCode()],
  iban: [() => z.iban()],
  jwt: [() => z.jwt(), () => z.jwt({ alg: 'ES256' })],
  hostname: [() => z.hostname()],
  hex: [() => z.hex()],
  hash: [() => z.hash('sha256'), () => z.hash('sha256', { enc: 'base64' }), () => z.hash('md5')],
  'iso.datetime': [
    () => z.iso.datetime(),
    () => z.iso.datetime({ offset: true }),
    () => z.iso.datetime({ local: true }),
    () => z.iso.datetime({ precision: 3 }),
    () => z.iso.datetime({ precision: -1 }),
  ],
  'iso.date': [() => z.iso.date()],
  'iso.time': [() => z.iso.time(), () => z.iso.time({ precision: 0 })],
  'iso.duration': [() => z.iso.duration()],
  templateLiteral: [() => z.templateLiteral(['a', z.int()])],
  number: [() => n],
  int: [() => z.int()],
  int32: [() => z.int32()],
  uint32: [() => z.uint32()],
  float32: [() => z.float32()],
  float64: [() => z.float64()],
  boolean: [() => z.boolean()],
  null: [() => z.null()],
  any: [() => z.any()],
  unknown: [() => z.unknown()],
  never: [() => z.never()],
  enum: [() => z.enum(['a', 'b'])],
  nativeEnum: [() => z.nativeEnum({ A: 1 } as const)],
  literal: [() => z.literal('a'), () => z.literal([1, null, true])],
  keyof: [() => z.keyof(object)],
  object: [() => object, () => object.catchall(n), () => object.partial(), () => object.required()],
  looseObject: [() => z.looseObject({ a: s })],
  array: [() => z.array(s)],
  tuple: [() => z.tuple([s]), () => z.tuple([s], n)],
  record: [() => z.record(s, n), () => z.record(z.enum(['a']), n), () => z.record(s.regex(/a/), n)],
  partialRecord: [() => z.partialRecord(z.enum(['a']), n)],
  union: [() => z.union([s, n])],
  xor: [() => z.xor([s, n])],
  discriminatedUnion: [() => z.discriminatedUnion('type', [tag('a'), tag('b')])],
  intersection: [() => z.intersection(object, z.object({ b: n }))],
  optional: [() => z.optional(s), () => z.array(s.optional()), () => z.tuple([s.optional()])],
  nullable: [() => z.nullable(s)],
  nullish: [() => z.nullish(s)],
  readonly: [() => z.readonly(s)],
  nonoptional: [() => z.nonoptional(z.optional(s))],
  _default: [() => z._default(s, 'x'), () => z.uuid().default(() => crypto.randomUUID())],
  prefault: [() => z.prefault(s.min(1), 'x')],
  lazy: [() => z.lazy(() => s)],
  json: [() => z.json()],
  deepPartial: [() => z.deepPartial(object)],
  gt: [() => n.check(z.gt(1))],
  gte: [() => n.check(z.gte(1))],
  lt: [() => n.check(z.lt(1))],
  lte: [() => n.check(z.lte(1))],
  positive: [() => n.check(z.positive())],
  negative: [() => n.check(z.negative())],
  nonpositive: [() => n.check(z.nonpositive())],
  nonnegative: [() => n.check(z.nonnegative())],
  multipleOf: [() => n.check(z.multipleOf(2))],
  minLength: [() => s.check(z.minLength(1)), () => z.array(s).check(z.minLength(1))],
  maxLength: [() => s.check(z.maxLength(1))],
  length: [() => s.check(z.length(1))],
  regex: [() => s.check(z.regex(/a/)), () => s.regex(/a/i), () => s.regex(/a/u).regex(/b/)],
  lowercase: [() => s.check(z.lowercase())],
  uppercase: [() => s.check(z.uppercase())],
  includes: [() => s.check(z.includes('a'))],
  startsWith: [() => s.check(z.startsWith('a'))],
  endsWith: [() => s.check(z.endsWith('a'))],
  describe: [() => s.check(z.describe('words'))],
  meta: [() => s.check(z.meta({ title: 'words' })), () => s.meta({ unit: 'ms', examples: ['a'], deprecated: true })],
}

/** Makers that a channel may not use, and those options that it may not. */
const REFUSED: Readonly<Record<string, Schemas>> = {
  'url with options': [() => z.url({ normalize: true }), () => s.max(9).check(z.url())],
  'a string of two formats': [() => z.email().check(z.uuid())],
  stringFormat: [() => z.stringFormat('own', () => true), () => z.stringFormat('own', /a/)],
  'includes with a position': [() => s.includes('a', { position: 2 })],
  'optional elsewhere': [() => z.record(s, s.optional()), () => object.catchall(s.optional())],
  'names that are no texts': [() => z.record(z.number(), s)],
  'required with a default': [() => z.nonoptional(s.default('x'))],
  'sides with one field': [() => z.intersection(object, object), () => z.intersection(object, z.record(s, s))],
  'checks of other types': [() => z.tuple([s], s).check(z.minLength(2) as never)],
  'metadata that decides': [
    () => s.meta({ default: 'x' }),
    () => s.meta({ minLength: 3 }),
    () => s.meta({ 'x-pattern-flags': 'i' }),
  ],
  'a default that does not fit': [() => s.min(2).default('x'), () => s.min(2).prefault('x')],
  'a field that JSON has not': [() => z.object(JSON.parse('{"__proto__":1}', (key, value) => (key ? s : value)))],
  literal: [() => z.literal(Number.NaN)],
  strictObject: [() => z.strictObject({ a: s })],
  looseRecord: [() => z.looseRecord(s, n)],
  exactOptional: [() => z.exactOptional(s)],
  int64: [() => z.int64()],
  uint64: [() => z.uint64()],
  bigint: [() => z.bigint()],
  symbol: [() => z.symbol()],
  undefined: [() => z.undefined()],
  void: [() => z.void()],
  nan: [() => z.nan()],
  date: [() => z.date()],
  map: [() => z.map(s, s)],
  set: [() => z.set(s)],
  file: [() => z.file()],
  promise: [() => z.promise(s)],
  function: [() => z.function() as never],
  _function: [() => z._function() as never],
  custom: [() => z.custom()],
  instanceof: [() => z.instanceof(Date)],
  catch: [() => s.catch('x')],
  pipe: [() => z.pipe(s, s)],
  transform: [() => z.transform(String)],
  preprocess: [() => z.preprocess(String, s)],
  codec: [() => z.codec(s, s, { decode: String, encode: String })],
  invertCodec: [() => z.invertCodec(z.codec(s, s, { decode: String, encode: String }))],
  stringbool: [() => z.stringbool()],
  success: [() => z.success(s)],
  'coerce.string': [() => z.coerce.string()],
  'coerce.number': [() => z.coerce.number()],
  'coerce.boolean': [() => z.coerce.boolean()],
  'coerce.bigint': [() => z.coerce.bigint()],
  'coerce.date': [() => z.coerce.date()],
  check: [() => s.check(z.check(() => undefined))],
  refine: [() => s.check(z.refine(() => true))],
  superRefine: [() => s.check(z.superRefine(() => undefined))],
  property: [() => z.array(s).check(z.property('length', z.literal(1)))],
  properties: [() => object.check(z.properties({ a: s.min(2) }) as never)],
  overwrite: [() => s.check(z.overwrite(String))],
  trim: [() => s.check(z.trim())],
  normalize: [() => s.check(z.normalize())],
  toLowerCase: [() => s.check(z.toLowerCase())],
  toUpperCase: [() => s.check(z.toUpperCase())],
  slugify: [() => s.check(z.slugify())],
  mime: [() => z.file().check(z.mime(['a/b'])) as never],
  minSize: [() => z.set(s).check(z.minSize(1)) as never],
  maxSize: [() => z.set(s).check(z.maxSize(1)) as never],
  size: [() => z.set(s).check(z.size(1)) as never],
}

/** What makes neither a schema nor a check, or only one out of others that are looked at. */
const OTHER = `clone compile config decode decodeAsync encode encodeAsync flattenError formatError fromJSONSchema
  getDiscriminatedOption getErrorMap input memoizer output parse parseAsync prettifyError registry safeDecode
  safeDecodeAsync safeEncode safeEncodeAsync safeParse safeParseAsync setErrorMap toJSONSchema toZod treeifyError validate
  validateAsync withParser`.split(/\s+/)

const channel = (schema: z.ZodType) =>
  defineChannel({ name: 'a-channel', subject: 'a', description: 'x', schema: z.object({ f: schema }) })

test('every maker and check that zod exports is in one of the lists', () => {
  const makers = (from: object, prefix = ''): readonly string[] =>
    Object.entries(from)
      .filter(([name, value]) => typeof value === 'function' && /^[a-z_](?!Zod)/.test(name))
      .map(([name]) => `${prefix}${name}`)
  const exported = [...makers(z), ...makers(z.iso, 'iso.'), ...makers(z.coerce, 'coerce.')]
  const listed = new Set([...Object.keys(COMPARABLE), ...Object.keys(REFUSED), ...OTHER])
  expect(exported.filter((name) => !listed.has(name))).toEqual([])
})

describe('a channel may have', () => {
  test.each(Object.entries(COMPARABLE))('%s', (_, schemas) => {
    for (const schema of schemas) expect(channel(schema()).name).toBe('a-channel')
  })
})

describe('a channel may not have', () => {
  test.each(Object.entries(REFUSED))('%s, and the refusal says where and what to write', (_, schemas) => {
    for (const schema of schemas) {
      expect(() => channel(schema())).toThrow(ContractError)
      expect(() => channel(schema())).toThrow(/^channel "a-channel": \/f\S*: .+; .{5,}/)
    }
  })
})

test('an option that zod did not have is refused', () => {
  const withOption = s.min(1).clone({ ...s.def, casing: 'lower' } as never)
  expect(() => channel(withOption)).toThrow('the option casing of z.string()')
  const array = z.array(s).clone({ ...z.array(s).def, unique: true } as never)
  expect(() => channel(array)).toThrow('the option unique of z.array()')
  const check = z.minLength(1)
  Object.assign(check._zod.def, { unit: 'grapheme' })
  expect(() => channel(s.check(check))).toThrow('the option unit of min_length')
})

test('what shows the same lets through the same', () => {
  const texts = [
    ...['', 'a', 'A', 'ab', 'b\na', '\n\nax', ' http://a ', 'http://a.example', 'https://b.example/x', 'ftp://h/x'],
    ...['a@b.example', 'A@B', '::1', '::ffff:1.2.3.4', '1.2.3.4', '::1/64', '1.2.3.4/8', 'YQ==', 'YQ', 'a-b', '😀'],
    ...['2026-01-01', '2026-01-01T00:00:00Z', '2026-01-01T00:00Z', '2026-01-01T00:00:00', '12:00', '12:00:00', 'P1D'],
    ...['75787730-69db-4669-acf9-b0d9994ff090', '75787730-69db-7669-acf9-b0d9994ff090', '4242424242424242', 'EUR'],
    ...[
      `${btoa('{"alg":"HS256"}')}.e30.c2ln`,
      `${btoa('{"alg":"ES256"}')}.e30.c2ln`,
      'ff'.repeat(32),
      'GB82WEST12345698765432',
    ],
  ]
  const shown = new Map<string, Set<string>>()
  for (const schema of Object.values(COMPARABLE).flat()) {
    const made = schema()
    const accepted = texts.map((text) => made.safeParse(text).success)
    const { properties } = channel(made).jsonSchema as { properties: { f: unknown } }
    const text = JSON.stringify(properties.f)
    shown.set(text, (shown.get(text) ?? new Set()).add(JSON.stringify(accepted)))
  }
  expect([...shown].filter(([, answers]) => answers.size > 1)).toEqual([])
})
