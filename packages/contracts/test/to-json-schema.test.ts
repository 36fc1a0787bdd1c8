import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineChannel, toJsonSchema } from '../src/index.ts'

const shown = (schema: z.ZodType): unknown => {
  const { properties } = toJsonSchema(z.object({ f: schema })) as { properties: { f: unknown } }
  return properties.f
}

test.each<[string, z.ZodType, object]>([
  ['flags', z.string().regex(/a/i), { type: 'string', pattern: 'a', 'x-pattern-flags': 'i' }],
  [
    'flags of one pattern of several',
    z.string().regex(/a/).regex(/b/u),
    { type: 'string', allOf: [{ pattern: 'a' }, { pattern: 'b', 'x-pattern-flags': 'u' }] },
  ],
  ['no flags that change nothing', z.string().regex(/a/g), { type: 'string', pattern: 'a' }],
  ['a protocol', z.url({ protocol: /^ftp$/ }), { type: 'string', format: 'uri', 'x-url-protocol': '/^ftp$/' }],
  ['a host name', z.url({ hostname: /^h$/i }), { type: 'string', format: 'uri', 'x-url-hostname': '/^h$/i' }],
  ['an algorithm', z.jwt({ alg: 'ES256' }), { type: 'string', format: 'jwt', 'x-jwt-alg': 'ES256' }],
  ['a format beside a pattern', z.url().regex(/^ftp/), { type: 'string', format: 'uri', pattern: '^ftp' }],
  ['a default', z.string().default('x'), { type: 'string', default: 'x' }],
  ['a computed default', z.string().default(() => crypto.randomUUID()), { type: 'string', 'x-default-computed': true }],
  [
    'a default that is the present day',
    z.string().default(() => new Date().toISOString().slice(0, 10)),
    { type: 'string', 'x-default-computed': true },
  ],
  ['a rule that nothing shows', z.string().refine(() => true), { type: 'string', 'x-unseen-rules': 1 }],
])('shows %s', (_, schema, expected) => expect(shown(schema)).toEqual(expected))

test('shows the same for draft 7, and as the schema of a channel', () => {
  const schema = z.object({ f: z.string().regex(/a/i) })
  const field = { type: 'string', pattern: 'a', 'x-pattern-flags': 'i' }
  expect(toJsonSchema(schema, 'draft-7')).toMatchObject({ properties: { f: field } })
  expect(defineChannel({ name: 'x', subject: 'x', description: 'x', schema }).jsonSchema).toEqual(toJsonSchema(schema))
})
