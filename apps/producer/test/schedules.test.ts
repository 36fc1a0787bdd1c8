import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { contracts } from '@alarm-bus/contracts'
import { connect, readChannel } from '@alarm-bus/nats-kit'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeKey } from './make-key.ts'
import { type Answer, get, post, type Stack, startProducer, startStack } from './stack.ts'

const folder = mkdtempSync(join(tmpdir(), 'producer-schedules-'))
const keysFile = join(folder, 'keys.json')
const [alarmToBot] = contracts.channels

let stack: Stack
let guarded: { readonly url: string; readonly kill: () => Promise<unknown> }
const keys = { ours: '', theirs: '', logOnly: '' }

beforeAll(async () => {
  const [ours, theirs, logOnly] = await Promise.all([
    makeKey('ours', '--all'),
    makeKey('theirs', '--all'),
    makeKey('log-only', 'alarm-to-log'),
  ])
  Object.assign(keys, { ours: ours.key, theirs: theirs.key, logOnly: logOnly.key })
  writeFileSync(keysFile, JSON.stringify({ clients: [ours.client, theirs.client, logOnly.client] }))
  stack = await startStack()
  // A second instance, which wants to know who calls.
  const second = startProducer(stack.broker.url, { PRODUCER_API_KEYS_FILE: keysFile })
  guarded = { url: await second.url(), kill: () => second.kill() }
  await second.line('ready')
})
afterAll(async () => {
  await guarded?.kill()
  await stack?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const as = (key: string) => ({ authorization: `Bearer ${key}` })
const inSeconds = (seconds: number): string => new Date(Date.now() + seconds * 1_000).toISOString()

async function take(
  url: string,
  id: string,
  headers = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const path = `/channels/alarm-to-bot/schedules/${encodeURIComponent(id)}`
  const response = await fetch(url + path, { method: 'DELETE', headers })
  return { status: response.status, text: await response.text() }
}

async function list(
  url: string,
  headers = {},
): Promise<readonly { readonly id: string; readonly deliverAt: string }[]> {
  const response = await fetch(`${url}/channels/alarm-to-bot/schedules?limit=1000`, { headers })
  expect(response.status).toBe(200)
  return ((await response.json()) as { schedules: { id: string; deliverAt: string }[] }).schedules
}

/** Messages of the channel, with their ids. */
async function stored(): Promise<readonly (readonly [string | undefined, string])[]> {
  const connection = await connect({ servers: [stack.broker.url], name: 'test' }, { logger: collectLogs() })
  try {
    const found: (readonly [string | undefined, string])[] = []
    for await (const item of readChannel(connection, alarmToBot, { contracts, from: 'start' }))
      if (item.kind === 'message') found.push([item.id, item.message.message])
    return found
  } finally {
    await connection.close(1_000)
  }
}

test('a message for later is answered with its schedule, listed, and delivered under that id', async () => {
  const { status, body } = await post(stack.url, { query: '?delaySeconds=1', body: { message: 'in a second' } })
  expect([status, body]).toEqual([
    202,
    { id: expect.any(String), deliverAt: expect.stringMatching(/^\d{4}-.*Z$/), duplicate: false },
  ])
  const later = await post(stack.url, {
    query: `?deliverAt=${inSeconds(3_600)}`,
    body: { message: 'in an hour' },
    headers: { 'idempotency-key': 'an hour: a' },
  })
  expect(later.status).toBe(202)
  expect((await list(stack.url)).map(({ id }) => id)).toContain(later.body['id'])
  await waitFor(async () => (await stored()).some(([id]) => id === body['id']), { deadlineMs: 20_000 })
  expect((await list(stack.url)).map(({ id }) => id)).not.toContain(body['id'])
  expect((await take(stack.url, String(later.body['id']))).status).toBe(204)
  expect(JSON.parse((await take(stack.url, String(later.body['id']))).text)).toMatchObject({
    type: expect.stringContaining('unknown-schedule'),
    status: 404,
  })
})

test('an idempotency key: the same once more is the same schedule, another message is refused', async () => {
  const query = `?deliverAt=${inSeconds(3_600)}`
  const headers = { 'idempotency-key': 'once' }
  const first = await post(stack.url, { query, headers, body: { message: 'one' } })
  const again = await post(stack.url, { query, headers, body: { message: 'one' } })
  const other = await post(stack.url, { query, headers, body: { message: 'two' } })
  expect([first.status, first.body['id'], again.body['id'], again.body['duplicate']]).toEqual([
    202,
    'once',
    'once',
    true,
  ])
  expect([other.status, other.body['type']]).toEqual([422, expect.stringContaining('idempotency-conflict')])
  expect((await take(stack.url, 'once')).status).toBe(204)
})

test.each([
  ['/deliverAt', '?deliverAt=tomorrow'],
  ['/deliverAt', '?deliverAt=2030-01-31T09:00:00'],
  ['/deliverAt', '?deliverAt=2030-13-31T09:00:00Z'],
  ['/deliverAt', '?deliverAt=2001-01-01T00:00:00Z'],
  ['/deliverAt', '?deliverAt=2999-01-01T00:00:00Z'],
  ['/deliverAt', '?deliverAt=2030-01-01T00:00:00Z&deliverAt=2031-01-01T00:00:00Z'],
  ['/delaySeconds', '?delaySeconds=0'],
  ['/delaySeconds', '?delaySeconds=1.5'],
  ['/delaySeconds', '?delaySeconds=99999999999'],
  ['/delaySeconds', '?delaySeconds='],
  ['/delaySeconds', '?ttlSeconds=5&delaySeconds=5'],
  ['/delaySeconds', '?deliverAt=2030-01-01T00:00:00Z&delaySeconds=5'],
])('%s is refused with its reason: %s', async (path, query) => {
  const { status, body } = await post(stack.url, { query, body: { message: 'x' } })
  expect([status, body.errors?.map((issue) => issue.path)]).toEqual([400, [path]])
})

test('what is no message of the channel is refused now, and so is a channel that is not scheduled', async () => {
  const invalid: Answer = await post(stack.url, { query: '?delaySeconds=60', body: { nope: 1 } })
  expect([invalid.status, invalid.body.errors?.[0]?.in]).toEqual([400, 'body'])
  const plain = await post(stack.url, { channel: 'alarm-to-log', query: '?delaySeconds=60', body: { message: 'x' } })
  expect([plain.status, plain.body.errors?.[0]?.path]).toEqual([400, '/delaySeconds'])
  expect((await get(`${stack.url}/channels/alarm-to-log/schedules`)).status).toBe(404)
  expect((await get(`${stack.url}/channels/alarm-to-bot/schedules?limit=0`)).status).toBe(400)
})

test('a client sees and takes back its own schedules, and no other client’s', async () => {
  const query = `?deliverAt=${inSeconds(3_600)}`
  const send = async (key: string): Promise<string> => {
    const headers = { ...as(key), 'idempotency-key': 'same key' }
    const { status, body } = await post(guarded.url, { query, headers, body: { message: 'x' } })
    expect(status).toBe(202)
    return String(body['id'])
  }
  const ours = await send(keys.ours)
  const theirs = await send(keys.theirs)
  expect(ours).not.toBe(theirs)
  expect((await list(guarded.url, as(keys.ours))).map(({ id }) => id)).toEqual([ours])
  expect((await take(guarded.url, theirs, as(keys.ours))).status).toBe(404)
  expect((await take(guarded.url, theirs)).status).toBe(401)
  expect((await take(guarded.url, theirs, as(keys.logOnly))).status).toBe(403)
  expect((await list(guarded.url, as(keys.theirs))).map(({ id }) => id)).toEqual([theirs])
  expect((await take(guarded.url, theirs, as(keys.theirs))).status).toBe(204)
  expect((await take(guarded.url, ours, as(keys.ours))).status).toBe(204)
})
