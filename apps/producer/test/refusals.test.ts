import { expect, test } from 'vitest'
import { makeClients } from './clients.ts'
import { get, post, startStack } from './stack.ts'

const REQUESTS = 500

test('a flood of refused requests is a handful of lines', async () => {
  using clients = makeClients({ known: 1_000 })
  await using stack = await startStack({ ...clients.environment, PRODUCER_MAX_BATCHES: '1' })
  const headers = { authorization: `Bearer abk_known_${'A'.repeat(43)}` }
  let left = REQUESTS
  const caller = async (): Promise<void> => {
    while (left-- > 0) expect((await post(stack.url, { headers, body: { message: 'a' } })).status).toBe(401)
  }
  await Promise.all(Array.from({ length: 16 }, caller))
  await stack.producer.line('clientRefused')
  expect((await get(`${stack.url}/livez`)).status).toBe(200)
  expect(stack.producer.lines.filter(({ event }) => event === 'clientRefused')).toHaveLength(10)
  expect(stack.producer.lines.length).toBeLessThan(40)
})

test('failures that a caller causes at will are a handful of lines too', async () => {
  await using stack = await startStack({ PRODUCER_PUBLISH_BUDGET_MS: '500' })
  await stack.broker.stop()
  await stack.producer.line('notReady')
  const send = async () => (await post(stack.url, { body: { message: 'a' } })).status
  const statuses = await Promise.all(Array.from({ length: REQUESTS }, send))
  expect(new Set(statuses)).toEqual(new Set([503]))
  expect(stack.producer.lines.filter(({ event }) => event === 'requestFailed')).toHaveLength(10)
})
