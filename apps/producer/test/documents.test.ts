import { createHash } from 'node:crypto'
import { contracts } from '@alarm-bus/contracts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { get, type Stack, startStack } from './stack.ts'

let stack: Stack

beforeAll(async () => {
  stack = await startStack()
})
afterAll(async () => stack[Symbol.asyncDispose]())

test('GET /channels lists names, subjects and the schema that publishers are held to', async () => {
  const { status, body } = await get(`${stack.url}/channels`)
  expect(status).toBe(200)
  const channels = body['channels'] as readonly Record<string, unknown>[]
  expect(channels.map(({ name, subject, publishTo }) => [name, subject, publishTo])).toEqual(
    contracts.channels.map(({ name, subject }) => [name, subject, `/channels/${name}/messages`]),
  )
  expect(channels[1]?.['schema']).toMatchObject({
    type: 'object',
    required: ['message'],
    properties: { message: { type: 'string', maxLength: 4_000 }, extra: { type: 'string' } },
    additionalProperties: false,
  })
})

test('the OpenAPI document has a typed route for each channel, and its problems', async () => {
  const { body } = await get(`${stack.url}/openapi.json`)
  expect(body['openapi']).toBe('3.1.0')
  const paths = body['paths'] as Record<string, Record<string, any>>
  expect(Object.keys(paths)).toEqual([
    ...contracts.channels.map(({ name }) => `/channels/${name}/messages`),
    ...contracts.channels.map(({ name }) => `/channels/${name}/messages:batch`),
    ...contracts.channels.map(({ name }) => `/channels/${name}/messages/{id}`),
    '/channels/alarm-to-bot/schedules',
    '/channels/alarm-to-bot/schedules/{id}',
    '/channels',
  ])
  const route = paths['/channels/alarm-to-log/messages']?.['post']
  expect(route.requestBody.content['application/json'].schema).toMatchObject({
    properties: { message: { type: 'string' }, extra: { type: 'string' } },
    required: ['message'],
    additionalProperties: false,
  })
  expect(route.parameters).toEqual([
    expect.objectContaining({
      in: 'query',
      name: 'ttlSeconds',
      schema: { type: 'integer', minimum: 1, maximum: 604_800 },
    }),
    expect.objectContaining({ in: 'header', name: 'idempotency-key' }),
  ])
  const scheduled = paths['/channels/alarm-to-bot/messages']?.['post'].parameters as readonly {
    readonly name: string
  }[]
  expect(scheduled.map(({ name }) => name)).toEqual(['ttlSeconds', 'deliverAt', 'delaySeconds', 'idempotency-key'])
  expect(Object.keys(route.responses)).toEqual(['202', '400', '413', '415', '422', '503'])
  expect(Object.keys(route.responses['503'].content)).toEqual(['application/problem+json'])
})

test('the document can be browsed, with everything it needs from here', async () => {
  const page = await fetch(`${stack.url}/docs`)
  expect(page.status).toBe(200)
  const html = await page.text()
  const assets = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => String(match[1]))
  expect(assets.length).toBeGreaterThan(2)
  for (const asset of assets) {
    const response = await fetch(new URL(asset, `${stack.url}/docs/`))
    expect([asset, response.status]).toEqual([asset, 200])
    await response.arrayBuffer()
  }
  const document = await get(`${stack.url}/docs/json`)
  expect(document.body).toEqual((await get(`${stack.url}/openapi.json`)).body)
})

test('the AsyncAPI document is served as JSON and as YAML, and a page of it that needs nothing else', async () => {
  const json = await fetch(`${stack.url}/asyncapi.json`)
  expect(json.headers.get('content-type')).toBe('application/json; charset=utf-8')
  const document = (await json.json()) as Record<string, any>
  expect(document['asyncapi']).toBe('3.0.0')
  expect(document['channels']['alarm-to-bot'].address).toBe('alarm.to.bot')
  const yaml = await fetch(`${stack.url}/asyncapi.yaml`)
  expect(yaml.headers.get('content-type')).toBe('application/yaml; charset=utf-8')
  expect(await yaml.text()).toContain('address: alarm.to.bot\n')

  const page = await fetch(`${stack.url}/docs/events`)
  const html = await page.text()
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  expect(html).toContain('alarm.to.log')
  expect(html).not.toMatch(/<script|<link|<img|<iframe|\sstyle=|\son[a-z]+=/)
  const style = createHash('sha256')
    .update(String(/<style>([^]*?)<\/style>/.exec(html)?.[1]))
    .digest('base64')
  expect(page.headers.get('content-security-policy')).toBe(
    `default-src 'none'; style-src 'sha256-${style}'; frame-ancestors 'none'`,
  )
  const again = await fetch(`${stack.url}/docs/events`, {
    headers: { 'if-none-match': String(page.headers.get('etag')) },
  })
  expect([again.status, await again.text()]).toEqual([304, ''])
})
