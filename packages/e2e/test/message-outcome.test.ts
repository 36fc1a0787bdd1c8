import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { startStack, type Stack } from '@alarm-bus/ops/stack'
import { expect, test } from 'vitest'
import { DEADLINE_MS } from './harness.ts'

/** Answers as it is told. */
async function startWebhook(): Promise<{ readonly url: string; status: number } & AsyncDisposable> {
  const hook = { url: '', status: 200 }
  const server: Server = createServer((_, response) => void response.writeHead(hook.status).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  hook.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return Object.assign(hook, {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

async function startWith(webhook: { readonly url: string }): Promise<Stack> {
  return startStack({
    settings: {
      ALARM_SINKS: 'console,webhook',
      ALARM_WEBHOOK_URL: webhook.url,
      ALARM_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
      ALARM_ALLOW_HTTP: 'true',
      ALARM_PRIVATE_HOSTS: '127.0.0.1',
    },
  })
}

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, any>>
}

async function ask({ producer }: Stack, channel: string, id: string): Promise<Answer> {
  const response = await fetch(`${producer.url}/channels/${channel}/messages/${encodeURIComponent(id)}`)
  return { status: response.status, body: (await response.json()) as Answer['body'] }
}

async function publish({ producer }: Stack, channel: string, key?: string): Promise<string> {
  const response = await fetch(`${producer.url}/channels/${channel}/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key !== undefined && { 'idempotency-key': key }) },
    body: '{"message":"disk is full"}',
  })
  expect(response.status).toBe(202)
  return ((await response.json()) as { readonly id: string }).id
}

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)

test(
  'what became of a message: written down, sent where, tried again when, given up why; and who does not answer',
  async () => {
    await using webhook = await startWebhook()
    await using stack = await startWith(webhook)

    const delivered = await publish(stack, 'alarm-to-bot', 'a key/with ? marks')
    const outcome = await waitFor(
      async () => {
        const answer = await ask(stack, 'alarm-to-bot', delivered)
        return (
          answer.status === 200 && answer.body['delivery'].state === 'delivered' && answer.body['log'].seq && answer
        )
      },
      { what: 'the alarm to be delivered and logged' },
    )
    expect(outcome.body).toEqual({
      channel: 'alarm-to-bot',
      id: delivered,
      log: { answer: 'known', stream: 'BASQUIAT_STREAM', seq: 1, storedAt: TIME },
      delivery: {
        answer: 'known',
        state: 'delivered',
        deliveries: 1,
        sinks: [
          { name: 'console', state: 'sent', at: TIME },
          { name: 'webhook', state: 'sent', at: TIME },
        ],
      },
    })

    // The other channel's are written down only.
    const logged = await publish(stack, 'alarm-to-log')
    await waitFor(async () => (await ask(stack, 'alarm-to-log', logged)).status === 200, { what: 'the log' })
    expect((await ask(stack, 'alarm-to-log', logged)).body).toMatchObject({
      log: { answer: 'known', seq: 2 },
      delivery: { answer: 'none' },
    })

    // A sink that fails: tried again, and in the end given up.
    webhook.status = 400
    const refused = await publish(stack, 'alarm-to-bot')
    const given = await waitFor(
      async () => {
        const { body } = await ask(stack, 'alarm-to-bot', refused)
        return body['delivery']?.state === 'dead-letter' && body
      },
      { what: 'the dead letter' },
    )
    expect(given['delivery']).toMatchObject({
      error: expect.stringContaining('400'),
      sinks: [
        { name: 'console', state: 'sent' },
        { name: 'webhook', state: 'failed', error: expect.stringContaining('400') },
      ],
    })
    webhook.status = 503
    const retried = await publish(stack, 'alarm-to-bot')
    const waiting = await waitFor(
      async () => {
        const { body } = await ask(stack, 'alarm-to-bot', retried)
        return body['delivery']?.state === 'retrying' && body
      },
      { what: 'the retry' },
    )
    expect(waiting['delivery']).toMatchObject({ retryAt: TIME, error: expect.stringContaining('503') })

    // Nobody knows it, and all say so; then one of them is away.
    const unknown = await ask(stack, 'alarm-to-bot', 'never-sent')
    expect(unknown).toMatchObject({
      status: 404,
      body: {
        type: expect.stringContaining('unknown-message'),
        log: { answer: 'unknown' },
        delivery: { answer: 'unknown' },
      },
    })
    expect((await ask(stack, 'nope', 'x')).body['type']).toContain('unknown-channel')
    await stack.alarmConsumer.stop()
    expect(await ask(stack, 'alarm-to-bot', 'never-sent')).toMatchObject({
      status: 503,
      body: { log: { answer: 'unknown' }, delivery: { answer: 'no-answer', why: 'no_responder' } },
    })
    // What one of them knows is an answer.
    expect(await ask(stack, 'alarm-to-bot', delivered)).toMatchObject({
      status: 200,
      body: { log: { answer: 'known' }, delivery: { answer: 'no-answer', why: 'no_responder' } },
    })
    await stack.logConsumer.stop()
    expect(await ask(stack, 'alarm-to-bot', delivered)).toMatchObject({
      status: 503,
      body: { detail: expect.stringContaining('log-consumer: no answer (no_responder)') },
    })
  },
  DEADLINE_MS,
)
