import { z } from 'zod'
import { type Edit, field, s } from './unsafe-edit.ts'

export const patterns: readonly Edit[] = [
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

export const unseen: readonly Edit[] = [
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

export const presence: readonly Edit[] = [
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
    what: 'a field that may be left out, then one of a record',
    before: () => z.object({ f: s.optional() }),
    after: () => z.record(s, s),
    message: { f: undefined },
  },
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
