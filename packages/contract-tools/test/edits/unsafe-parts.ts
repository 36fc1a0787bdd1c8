import { z } from 'zod'
import { type Edit, field, s } from './unsafe-edit.ts'

const tagged = (extra: z.ZodType) => z.record(extra as never, z.number())
const label = (id: string) => s.min(1).meta({ id })

export const urls: readonly Edit[] = [
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

export const sharedParts: readonly Edit[] = [
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
