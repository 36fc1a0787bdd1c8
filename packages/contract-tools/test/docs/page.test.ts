import { defineApp, defineContracts, defineRequest } from '@alarm-bus/contracts'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { JsonObject } from '../../src/docs/json-schema.ts'
import { schemaRows } from '../../src/docs/page/schema-rows.ts'
import { toPage } from '../../src/docs/page/to-page.ts'
import { busWith } from './bus.ts'

/** Path, type, whether it has to be there, and what else holds. */
function rowsOf(schema: z.ZodType): readonly string[] {
  const rows = schemaRows(z.toJSONSchema(schema, { io: 'input' }) as JsonObject)
  return rows.map(({ path, type, required, rules }) =>
    [path, type, required ? 'required' : 'optional', ...rules].join(' | '),
  )
}

test('each field is a row, with what its value has to be', () => {
  const schema = z.object({
    text: z.string().min(1).max(4_000),
    level: z.enum(['low', 'high']).default('low'),
    count: z.int().nonnegative(),
    share: z.number().gt(0).multipleOf(0.5).optional(),
    who: z.email().nullable(),
    lines: z.array(z.object({ price: z.number() })).max(9),
    labels: z.record(z.string(), z.string().regex(/^[a-z]+$/)),
  })
  expect(rowsOf(schema)).toEqual([
    'text | string | required | at least 1 character | at most 4,000 characters',
    'level | "low" or "high" | optional | default "low"',
    'count | integer | required | ≥ 0',
    'share | number | optional | > 0 | a multiple of 0.5',
    'who | string or null | required | email',
    'lines | array | required | at most 9 items',
    'lines[] | object | required',
    'lines[].price | number | required',
    'labels | object | required',
    'labels.{key} | string | optional | matches ^[a-z]+$',
  ])
})

test('forms of a union are told apart, shared parts are looked up, and a schema within itself ends', () => {
  const place = z.object({ street: z.string() }).meta({ id: 'place' })
  const shape = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('circle'), radius: z.number() }),
    z.object({ kind: z.literal('here'), at: place }),
  ])
  expect(rowsOf(z.object({ shape, id: z.union([z.string(), z.int()]) }))).toEqual([
    'shape | object, one of 2 forms | required',
    'shape (form 1) | object | required',
    'shape.kind | "circle" | required',
    'shape.radius | number | required',
    'shape (form 2) | object | required',
    'shape.kind | "here" | required',
    'shape.at | object | required',
    'shape.at.street | string | required',
    'id | string or integer | required',
  ])
  const node: z.ZodType = z.lazy(() => z.object({ children: z.array(node) }))
  expect(rowsOf(node).length).toBeLessThan(40)
})

test('channels come first, and whatever a contract says stays text', () => {
  const hostile = '<script>alert(1)</script> "quoted" & `code <b>`'
  const schema = z.object({ field: z.string().describe(hostile) }).meta({ examples: [{ field: '</pre><img src=x>' }] })
  const page = toPage(busWith(schema as never))
  const body = page.slice(page.indexOf('<body>')).replaceAll(/>\s+</g, '><')
  expect(body.indexOf('<table>')).toBeLessThan(body.indexOf('<h2'))
  expect(body).toMatch(
    /<td><a href="#a-thing">a-thing<\/a><\/td><td><code>a\.thing<\/code><\/td><td>sender<\/td><td>reader</,
  )
  expect(body).toContain('&lt;script&gt;alert(1)&lt;/script&gt; &quot;quoted&quot; &amp; <code>code &lt;b&gt;</code>')
  expect(body).toContain('&lt;/pre&gt;&lt;img src=x&gt;')
  expect(body).not.toMatch(/<script|<img|<b>/)
  // What is wide scrolls within itself.
  expect(body.match(/<table>/g)).toHaveLength(body.match(/<div class="scroll"><table>/g)?.length ?? 0)
})

test('a request shows who asks and answers, both directions and its errors', () => {
  const request = defineRequest({
    name: 'ask-weather',
    subject: 'ask.weather',
    description: 'What the weather is.',
    owner: 'sky',
    request: z.object({ city: z.string() }),
    response: z.object({ celsius: z.number() }),
    errors: { no_such_city: z.object({ nearest: z.string() }) },
  })
  const bus = busWith(z.object({ text: z.string() }))
  const { channels, streams } = bus.contracts
  const body = toPage({
    ...bus,
    contracts: defineContracts({ channels, streams, requests: [request] }),
    apps: [
      defineApp({ name: 'phone', description: 'Asks.', owner: 'x', asks: [request] }),
      defineApp({ name: 'station', description: 'Answers.', owner: 'x', answers: [request] }),
    ],
  }).replaceAll(/>\s+</g, '><')
  expect(body).toContain('<td><code>ask.weather</code></td><td>phone</td><td>station</td><td>sky</td>')
  for (const field of ['city', 'celsius', 'nearest']) expect(body).toContain(`<td><code>${field}</code></td>`)
  expect(body).toContain('<h3>Error no_such_city</h3>')
})
