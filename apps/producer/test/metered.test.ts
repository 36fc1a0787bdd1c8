import { setImmediate as nextTurn } from 'node:timers/promises'
import { alarmToLog } from '@alarm-bus/contracts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batchAnswers } from '../src/http/batch-answers.ts'
import { type Clients, makeClients } from './clients.ts'
import { type Stack, startStack } from './stack.ts'

interface Line {
  readonly index: number
  readonly error?: { readonly status: number; readonly type: string; readonly detail: string }
}

const RATE = 200

let clients: Clients
let stack: Stack
beforeAll(async () => {
  clients = makeClients({ blank: RATE, long: RATE, spaced: RATE, between: RATE, broken: 3, verbose: 100_000 })
  stack = await startStack(clients.environment)
})
afterAll(async () => {
  await stack[Symbol.asyncDispose]()
  clients[Symbol.dispose]()
})

async function batch(client: string, body: string, type = 'application/x-ndjson') {
  const response = await fetch(`${stack.url}/channels/alarm-to-log/messages:batch`, {
    method: 'POST',
    headers: { 'content-type': type, ...clients.of(client) },
    body,
  })
  const text = await response.text()
  const lines = text.split('\n').filter(Boolean)
  return { bytes: text.length, lines: lines.map((line) => JSON.parse(line) as Line) }
}

const statuses = (lines: readonly Line[]) => lines.map(({ error }) => error?.status ?? 202)

test.each([
  ['blank', 'blank lines', '\n'.repeat(4_000_000), 'application/x-ndjson'],
  ['long', 'a line without end', 'x'.repeat(32 * 1_024 * 1_024), 'application/x-ndjson'],
  ['between', 'blanks before an element', `[${' '.repeat(32 * 1_024 * 1_024)}`, 'application/json'],
])('%s: %s count against the rate, which ends the batch', async (client, _what, body, type) => {
  const { lines } = await batch(client, body, type)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatchObject({ index: 0, error: { status: 429, type: 'urn:alarm-bus:problem:rate-limited' } })
})

test('a blank line after each message costs nothing to speak of', async () => {
  const { lines } = await batch('spaced', '{"message":"a"}\n\n'.repeat(RATE - 2))
  expect(new Set(statuses(lines))).toEqual(new Set([202]))
})

test('a broken line counts against the rate as a message does', async () => {
  const { lines } = await batch('broken', 'x\n{\nx\nx\n{"message":"a"}\n')
  expect(statuses(lines)).toEqual([400, 400, 400, 429, 429])
})

test('what is answered for broken lines is bounded: the first are told in full, the others by their kind', async () => {
  const { bytes, lines } = await batch('verbose', 'x\n'.repeat(10_000))
  expect(lines).toHaveLength(10_000)
  expect(lines.map(({ index }) => index)).toEqual(Array.from({ length: 10_000 }, (_, index) => index))
  expect(new Set(statuses(lines))).toEqual(new Set([400]))
  expect(lines[0]?.error?.detail).toContain('not JSON')
  expect(lines.at(-1)?.error).toEqual({
    type: 'urn:alarm-bus:problem:invalid-request',
    status: 400,
    detail: 'The request is not valid',
  })
  expect(bytes).toBeLessThan(65_536 + 10_000 * 140)
})

test.each([
  ['NDJSON', false, 'x\n'.repeat(32_768)],
  ['an array', true, `[${'{},'.repeat(20_000)}{}]`],
])('%s that comes at once lets others have their turns', async (_what, isArray, body) => {
  async function* chunks() {
    yield Buffer.from(body)
  }
  const answers = batchAnswers({
    chunks: chunks(),
    isArray,
    channel: alarmToLog,
    maxMessages: 100_000,
    count: async () => undefined,
    publish: async () => Promise.reject(new Error('refused at once')),
    cutShort: () => undefined,
    onProblem: () => undefined,
  })
  let turns = 0
  let isUnderWay = true
  const others = (async () => {
    for (; isUnderWay; turns++) await nextTurn()
  })()
  for await (const _answer of answers);
  isUnderWay = false
  await others
  expect(turns).toBeGreaterThan(5)
})
