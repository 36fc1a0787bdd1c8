import { afterAll, beforeAll, expect, test } from 'vitest'
import { Agent, request } from 'node:http'
import { type NatsServer, startTestBroker } from '@alarm-bus/nats-kit/testing'
import { get, post, startProducer } from './stack.ts'

let broker: NatsServer
beforeAll(async () => {
  broker = await startTestBroker()
})
afterAll(async () => broker.stop())

test.each(['SIGTERM', 'SIGINT'] as const)('%s: exit 0, and nothing on standard error', async (signal) => {
  await using producer = startProducer(broker.url)
  const url = await producer.url()
  await producer.line('ready')
  expect((await post(url, { body: { message: 'a' } })).status).toBe(202)
  producer.signal(signal)
  expect(await producer.exit()).toEqual({ code: 0, signal: null })
  expect(producer.errorOutput).toBe('')
  await expect(get(`${url}/livez`)).rejects.toThrow()
})

test('requests under way at SIGTERM get their receipts', async () => {
  await using paused = await startTestBroker()
  await using producer = startProducer(paused.url)
  const url = await producer.url()
  await producer.line('ready')
  await paused.pause()
  // A connection that is kept alive must not keep the process.
  const agent = new Agent({ keepAlive: true })
  const waiting = [0, 1, 2].map((index) => publishThrough(agent, url, `under way ${index}`))
  await Promise.all(waiting.map(({ sent }) => sent))
  // An answer to a later request says that the earlier ones are with the app.
  await get(`${url}/livez`)
  producer.signal('SIGTERM')
  await producer.line('stopping')
  paused.resume()
  const answers = await Promise.all(waiting.map(({ answer }) => answer))
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 202])
  expect(answers.map(({ connection }) => connection)).toEqual(['close', 'close', 'close'])
  expect(await producer.exit()).toEqual({ code: 0, signal: null })
  agent.destroy()
})

test('broker gone and a request waiting at SIGTERM: answered with 503, within the budget, exit 1', async () => {
  const gone = await startTestBroker()
  await using producer = startProducer(gone.url, { SHUTDOWN_TIMEOUT_MS: '1500' })
  const url = await producer.url()
  await producer.line('ready')
  await gone.kill()
  await producer.line('notReady')
  const waiting = post(url, { body: { message: 'never stored' } })
  await get(`${url}/livez`)
  producer.signal('SIGTERM')
  const answer = await waiting
  expect(answer.status).toBe(503)
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  // Ended by the shutdown, and not by the 15 s that a publish may take.
  expect(answer.body.detail).toContain('the connection was closed')
  expect(await producer.exit()).toEqual({ code: 1, signal: null })
})

function publishThrough(agent: Agent, url: string, message: string) {
  const body = JSON.stringify({ message })
  const outgoing = request(`${url}/channels/alarm-to-bot/messages`, {
    method: 'POST',
    agent,
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
  })
  const sent = new Promise<void>((resolve) => outgoing.once('finish', resolve))
  const answer = new Promise<{ status: number | undefined; connection: string | undefined }>((resolve, reject) => {
    outgoing.once('error', reject)
    outgoing.once('response', (response) => {
      response.resume()
      response.once('end', () => resolve({ status: response.statusCode, connection: response.headers.connection }))
    })
  })
  outgoing.end(body)
  return { sent, answer }
}
