import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from '@alarm-bus/nats-kit'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { startApp, startStack } from '@alarm-bus/ops/stack'
import { expect, onTestFinished, test } from 'vitest'
import { DEADLINE_MS } from './harness.ts'

interface Answer {
  readonly status: number
  readonly location: string | null
  readonly body: Readonly<Record<string, any>>
}

async function call(url: string, method: 'GET' | 'POST', key?: string): Promise<Answer> {
  const response = await fetch(url, { method, ...(key !== undefined && { headers: { 'idempotency-key': key } }) })
  const body = (await response.json()) as Answer['body']
  return { status: response.status, location: response.headers.get('location'), body }
}

test(
  'a test alarm through one sink, over HTTP: its outcome, and the same after both apps have restarted',
  async () => {
    let status = 200
    const bodies: string[] = []
    const hook = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => bodies.push(text))
      request.on('end', () => response.writeHead(status).end())
    })
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void hook.close())
    const envs = new Map<string, Readonly<Record<string, string>>>()
    await using stack = await startStack({
      settings: {
        ALARM_SINKS: 'console,webhook',
        ALARM_WEBHOOK_URL: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`,
        ALARM_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
        ALARM_ALLOW_HTTP: 'true',
        ALARM_PRIVATE_HOSTS: '127.0.0.1',
      },
      start: (name, env) => {
        envs.set(name, env)
        return startApp(name, { env })
      },
    })
    const restart = async (name: string) => {
      const app = await startApp(name, { env: envs.get(name) ?? {} })
      onTestFinished(async () => void (await app[Symbol.asyncDispose]()))
      return app
    }
    const { producer, alarmConsumer } = stack
    const admin = await connect(
      {
        servers: [stack.broker.url],
        name: 'admin',
        auth: { user: 'admin', password: envs.get('producer')?.['NATS_ADMIN_PASSWORD'] ?? '' },
      },
      { logger: collectLogs() },
    )
    onTestFinished(async () => void (await admin.close(2_000)))
    const requestsStored = async (): Promise<number> => {
      const filter = JSON.stringify({ subjects_filter: 'ask.sink.test.producer' })
      const info = await admin.client.request('$JS.API.STREAM.INFO.BASQUIAT_STREAM', filter)
      const { state } = info.json<{ readonly state: { readonly subjects?: Record<string, number> } }>()
      return Object.values(state.subjects ?? {})[0] ?? 0
    }

    const sent = await call(`${producer.url}/sinks/webhook:test`, 'POST')
    expect(sent).toMatchObject({ status: 200, body: { sink: 'webhook', tookMs: expect.any(Number) } })
    expect(bodies.join('')).toContain('This is a test alarm.')
    status = 500
    expect(await call(`${producer.url}/sinks/webhook:test`, 'POST', 'my-test')).toMatchObject({
      status: 502,
      body: { type: expect.stringContaining('sink-failed'), detail: expect.stringContaining('500') },
    })
    expect(await call(`${producer.url}/sinks/fax:test`, 'POST')).toMatchObject({
      status: 404,
      body: { type: expect.stringContaining('unknown-sink'), sinks: ['console', 'webhook'] },
    })
    expect(await call(`${producer.url}/sinks/webhook/tests/never`, 'GET')).toMatchObject({ status: 404 })

    // Asked while alarm-consumer is away, by a producer that ends before it is back.
    await alarmConsumer.stop()
    status = 200
    const before = bodies.length
    const asked = call(`${producer.url}/sinks/webhook:test`, 'POST', 'later').catch(() => undefined)
    await waitFor(async () => (await requestsStored()) > 3, { what: 'the request to be stored' })
    expect(await call(`${producer.url}/sinks/webhook/tests/later`, 'GET')).toMatchObject({ status: 404 })
    await producer.stop()
    await asked
    const [again] = await Promise.all([restart('producer'), restart('alarm-consumer')])
    const outcome = await waitFor(
      async () => {
        const answer = await call(`${again.url}/sinks/webhook/tests/later`, 'GET')
        return answer.status === 200 && answer.body
      },
      { what: 'the outcome', deadlineMs: 30_000 },
    )
    expect(outcome).toMatchObject({ id: 'later', sink: 'webhook' })
    // And the same key is the same test, which is not run again.
    expect((await call(`${again.url}/sinks/webhook:test`, 'POST', 'later')).body).toEqual(outcome)
    expect(bodies).toHaveLength(before + 1)
  },
  DEADLINE_MS,
)
