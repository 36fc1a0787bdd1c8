import { startTestBroker } from '@alarm-bus/nats-kit/testing'
import { afterEach, expect, test } from 'vitest'
import { type Answer, get, post, startProducer, startStack, waitFor } from './stack.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

test('broker absent at boot: live, not ready, 503; then it comes: ready', async () => {
  const placeholder = await startTestBroker()
  const { port, url: natsUrl } = placeholder
  await placeholder.stop()

  const producer = startProducer(natsUrl)
  cleanups.push(() => producer.kill())
  const url = await producer.url()
  await producer.line('connectFailed')
  expect((await get(`${url}/livez`)).status).toBe(200)
  const notReady = await get(`${url}/readyz`)
  expect(notReady.status).toBe(503)
  expect(notReady.body).toMatchObject({
    ready: false,
    checks: [expect.objectContaining({ name: 'connection', ok: false })],
  })
  const refused = await post(url, { body: { message: 'too early' } })
  expect(refused.status).toBe(503)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)

  const broker = await startTestBroker({ port })
  cleanups.push(() => broker.stop())
  await producer.line('ready')
  expect(await get(`${url}/readyz`)).toMatchObject({ status: 200, body: { ready: true } })
  expect((await post(url, { body: { message: 'now' } })).status).toBe(202)
})

test('broker killed: 503 with Retry-After, not ready; back again: stored under the same key, once', async () => {
  const { producer, broker, url } = await startStack({ PRODUCER_PUBLISH_BUDGET_MS: '400' })
  cleanups.push(
    () => producer.kill(),
    () => broker.stop(),
  )
  const send = () => post(url, { headers: { 'idempotency-key': 'kept' }, body: { message: 'a' } })
  expect((await post(url, { body: { message: 'before' } })).body['seq']).toBe(1)

  await broker.kill()
  const refused = await send()
  expect(refused.status).toBe(503)
  expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  expect(refused.body).toMatchObject({ type: 'urn:alarm-bus:problem:broker-unavailable', status: 503 })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  await producer.line('notReady')
  expect((await get(`${url}/readyz`)).status).toBe(503)
  expect((await get(`${url}/livez`)).status).toBe(200)

  const restarted = await startTestBroker({ port: broker.port, storeDir: broker.storeDir })
  cleanups.push(() => restarted.stop())
  const stored = await waitFor(
    async () => {
      const answer = await send()
      return answer.status === 202 ? answer : undefined
    },
    { what: 'the same request is stored', everyMs: 100 },
  )
  expect(stored.body['seq']).toBe(2)
  expect((await send()).body).toMatchObject({ seq: 2, duplicate: true })
})

test('more in flight than allowed: 503 with Retry-After, and those before it are stored', async () => {
  const { producer, broker, url } = await startStack({ PRODUCER_MAX_IN_FLIGHT: '2' })
  cleanups.push(
    () => producer.kill(),
    () => broker.stop(),
  )
  await broker.pause()
  const answers: Answer[] = []
  const all = Array.from({ length: 5 }, async (_, index) =>
    answers.push(await post(url, { body: { message: `${index}` } })),
  )
  await waitFor(() => answers.length === 3, { what: 'three of five are refused' })
  for (const refused of answers) {
    expect(refused.body).toMatchObject({ type: 'urn:alarm-bus:problem:too-many-in-flight', status: 503 })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  }
  broker.resume()
  await Promise.all(all)
  expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 202, 202])
})

test('streams that are not there: not ready, and it says what to run', async () => {
  const broker = await startTestBroker()
  cleanups.push(() => broker.stop())
  const producer = startProducer(broker.url, { STREAMS: 'verify', PRODUCER_PUBLISH_BUDGET_MS: '300' })
  cleanups.push(() => producer.kill())
  const url = await producer.url()
  await producer.line('streamsNotReady')
  const { status, body } = await get(`${url}/readyz`)
  expect(status).toBe(503)
  expect(JSON.stringify(body)).toContain('pnpm ops apply')
  expect((await post(url, { body: { message: 'nowhere' } })).status).toBe(503)
})

test('a user that may not publish: 502, not a reason to try again', async () => {
  const broker = await startTestBroker({
    configText: `jetstream {}
      authorization { users: [
        { user: producer, password: secret, permissions: { publish: { deny: ["alarm.to.log"] } } }
      ] }`,
  })
  cleanups.push(() => broker.stop())
  const producer = startProducer(broker.url, { NATS_PRODUCER_PASSWORD: 'secret' })
  cleanups.push(() => producer.kill())
  const url = await producer.url()
  await producer.line('ready')
  const refused = await post(url, { channel: 'alarm-to-log', body: { message: 'a' } })
  expect(refused.status).toBe(502)
  expect(refused.headers.get('retry-after')).toBeNull()
  expect(refused.body).toMatchObject({ type: 'urn:alarm-bus:problem:broker-refused' })
  expect((await post(url, { body: { message: 'a' } })).status).toBe(202)
})
