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
import { gate } from './gate.ts'

// Edits that take something from somebody, each with a message that shows it. The gate says so, or the schema is refused
// where it is declared: what it must never say is that nothing breaks.

const s = z.string()
const tagged = (extra: z.ZodType) => z.record(extra as never, z.number())
const label = (id: string) => s.min(1).meta({ id })

interface Edit {
  readonly what: string
  readonly before: () => z.ZodType
  readonly after: () => z.ZodType
  /** Valid before, and refused after. */
  readonly message: unknown
}

/** A field `f` that changes. */
const field = (what: string, before: () => z.ZodType, after: () => z.ZodType, value: unknown): Edit => ({
  what,
  before: () => z.object({ f: before() }),
  after: () => z.object({ f: after() }),
  message: { f: value },
})

const urls: readonly Edit[] = [
  field(
    'z.url() to z.httpUrl()',
    () => z.url(),
    () => z.httpUrl(),
    'ftp://h/x',
  ),
  field(
    'z.url() with a protocol',
    () => z.url(),
    () => z.url({ protocol: /^https$/ }),
    'ftp://h/x',
  ),
  field(
    'z.url() with a host name',
    () => z.url(),
    () => z.url({ hostname: z.regexes.domain }),
    'http://localhost:3000',
  ),
  field(
    'another protocol',
    () => z.url({ protocol: /^https?$/ }),
    () => z.url({ protocol: /^https$/ }),
    'http://h.example',
  ),
  field(
    'keys of a record',
    () => tagged(z.url()),
    () => tagged(z.httpUrl()),
    { 'ftp://h/x': 1 },
  ),
  field(
    'a member of a union',
    () => z.union([z.url(), z.number()]),
    () => z.union([z.httpUrl(), z.number()]),
    'ftp://h/x',
  ),
  field(
    'a url beside a pattern',
    () => s.regex(/^ftp/),
    () => z.url().regex(/^ftp/),
    'ftp is old',
  ),
  field(
    'a list of them',
    () => z.array(z.url()),
    () => z.array(z.httpUrl()),
    ['ftp://h/x'],
  ),
]

/** One schema at two places, the first as it was. */
const shared = (what: string, narrow: (one: z.ZodString) => z.ZodType, value: string): Edit => ({
  what,
  before: () => {
    const one = label('Label')
    return z.object({ a: one, b: one })
  },
  after: () => {
    const one = label('Label')
    return z.object({ a: one, b: narrow(one) })
  },
  message: { a: 'a', b: value },
})

const sharedParts: readonly Edit[] = [
  shared('a length', (one) => one.min(3), 'b'),
  shared('a greatest length', (one) => one.max(3), 'bbbb'),
  shared('a pattern', (one) => one.regex(/^a/), 'b'),
  shared('a format', (one) => one.check(z.email()), 'b'),
  {
    what: 'nested',
    before: () => {
      const one = label('Nested')
      return z.object({ a: one, b: z.object({ c: one }) })
    },
    after: () => {
      const one = label('Nested')
      return z.object({ a: one, b: z.object({ c: one.max(2) }) })
    },
    message: { a: 'a', b: { c: 'ccc' } },
  },
  {
    what: 'items of a list',
    before: () => {
      const one = label('Item')
      return z.object({ a: one, b: z.array(one) })
    },
    after: () => {
      const one = label('Item')
      return z.object({ a: one, b: z.array(one.max(2)) })
    },
    message: { a: 'a', b: ['ccc'] },
  },
  {
    what: 'a list with an id',
    before: () => {
      const one = z.array(s).meta({ id: 'List' })
      return z.object({ a: one, b: one })
    },
    after: () => {
      const one = z.array(s).meta({ id: 'List' })
      return z.object({ a: one, b: one.max(1) })
    },
    message: { a: [], b: ['a', 'b'] },
  },
  {
    what: 'in a union, which is compared as a whole',
    before: () => {
      const one = label('Member')
      return z.object({ a: z.xor([one, z.email()]), b: z.xor([one, z.email()]) })
    },
    after: () => {
      const one = label('Member')
      return z.object({ a: z.xor([one, z.email()]), b: z.xor([one.max(2), z.email()]) })
    },
    message: { a: 'aaa', b: 'bbb' },
  },
]

const patterns: readonly Edit[] = [
  field(
    '/i taken away',
    () => s.regex(/^ab$/i),
    () => s.regex(/^ab$/),
    'AB',
  ),
  field(
    'u added',
    () => s.regex(/^..$/),
    () => s.regex(/^..$/u),
    '😀',
  ),
  field(
    's taken away',
    () => s.regex(/^a.b$/s),
    () => s.regex(/^a.b$/),
    'a\nb',
  ),
  field(
    'm taken away',
    () => s.regex(/^b$/m),
    () => s.regex(/^b$/),
    'a\nb',
  ),
  field(
    'of two patterns one loses its /i',
    () => s.regex(/a/).regex(/^ab$/i),
    () => s.regex(/a/).regex(/^ab$/),
    'aB',
  ),
  field(
    'of an address',
    () => z.email({ pattern: /^a@b$/i }),
    () => z.email({ pattern: /^a@b$/ }),
    'A@B',
  ),
  field(
    'included from a place on',
    () => s.includes('x', { position: 2 }),
    () => s.regex(/^.{2,}x/),
    '\n\nx',
  ),
]

const unseen: readonly Edit[] = [
  field(
    'z.jwt() with an algorithm',
    () => z.jwt(),
    () => z.jwt({ alg: 'ES256' }),
    `${btoa('{"alg":"HS256"}')}.e30.c2ln`,
  ),
  field(
    'another function of z.stringFormat',
    () => z.stringFormat('even', (text) => text.length % 2 === 0),
    () => z.stringFormat('even', (text) => text.length % 4 === 0),
    'ab',
  ),
  field(
    'a property checked',
    () => z.array(s),
    () => z.array(s).check(z.property('length', z.literal(1))),
    [],
  ),
  field(
    'z.check',
    () => s,
    () => s.check(z.check(({ issues }) => void issues.push({ code: 'custom', input: 0 }))),
    'a',
  ),
  field(
    'refine',
    () => s,
    () => s.refine((text) => text === 'a'),
    'b',
  ),
  field(
    'superRefine',
    () => s,
    () => s.superRefine((_, context) => context.addIssue('no')),
    'b',
  ),
  field(
    'z.record to z.looseRecord and back',
    () => z.looseRecord(z.enum(['a']), s),
    () => z.record(z.enum(['a']), s),
    {
      a: 'a',
      b: 1,
    },
  ),
  field(
    'numbers as names',
    () => z.record(z.number(), s),
    () => z.record(z.number().min(5), s),
    { 1: 'a' },
  ),
]

const presence: readonly Edit[] = [
  {
    what: 'optional() to exactOptional()',
    before: () => z.object({ a: s.optional() }),
    after: () => z.object({ a: s.exactOptional() }),
    message: { a: undefined },
  },
  field(
    'values of a record',
    () => z.record(s, s.optional()),
    () => z.record(s, s),
    { a: undefined },
  ),
  {
    what: 'a field that zod fills with what it refuses itself',
    before: () => z.object({}),
    after: () => z.object({ f: s.min(5).prefault('x') }),
    message: {},
  },
  {
    what: 'the same in an object',
    before: () => z.object({}),
    after: () => z.object({ f: z.object({ n: z.int() }).prefault({} as never) }),
    message: {},
  },
  {
    what: 'no default any more, of a field said to be there',
    before: () => z.object({ f: s.default('x').optional().nonoptional() }),
    after: () => z.object({ f: s }),
    message: { f: undefined },
  },
]

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
