import { alarmDelivery, alarmToBot, contracts } from '@alarm-bus/contracts'
import { connect, createBus, KitError, remoteErrorOf } from '@alarm-bus/nats-kit'
import { collectLogs, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { expect, onTestFinished, test } from 'vitest'
import { startConsumer } from './stack.ts'
import { startReceiver } from './support/receiver.ts'
import { KEY } from './support/scene.ts'

test('another instance, and the next process, know from the records what was sent; the rest they say not to know', async () => {
  await using broker = await startTestBroker()
  await using receiver = await startReceiver()
  const settings = {
    ALARM_SINKS: 'console,webhook',
    ALARM_WEBHOOK_URL: receiver.url,
    ALARM_WEBHOOK_SECRET: `whsec_${KEY.toString('base64')}`,
    ALARM_ALLOW_HTTP: 'true',
    ALARM_PRIVATE_HOSTS: '127.0.0.1',
  }
  const first = startConsumer(broker.url, settings)
  onTestFinished(async () => void (await first.kill()))
  await first.line('ready', { deadlineMs: 30_000 })
  const bus = createBus({
    contracts,
    connection: { name: 'test-asker', servers: [broker.url] },
    logger: collectLogs(),
    publisher: {},
    requester: {},
  })
  onTestFinished(async () => void (await bus.stop(5_000)))
  void bus.start()
  await bus.ready()
  const sentAt = Date.now()
  const { id, stream, seq } = await bus.publisher.publish(alarmToBot, { message: 'fire' })
  const ask = (input: object) =>
    bus.requester.request(alarmDelivery, { channel: alarmToBot.name, id, ...input }, { timeoutMs: 10_000 })
  const seen = await waitFor(
    async () => {
      const answer = await ask({}).catch(() => undefined)
      return answer?.state === 'delivered' && answer
    },
    { what: 'the alarm to be delivered' },
  )
  expect(seen.sinks).toMatchObject([
    { name: 'console', state: 'sent' },
    { name: 'webhook', state: 'sent' },
  ])

  first.signal('SIGTERM')
  await first.exit()
  await using second = startConsumer(broker.url, settings)
  await second.line('ready', { deadlineMs: 30_000 })
  const codeOf = async (asked: Promise<unknown>): Promise<unknown> => {
    const error = await asked.catch((reason: unknown) => reason)
    expect(KitError.is(error)).toBe(true)
    return remoteErrorOf(alarmDelivery, error)?.code
  }
  expect(await codeOf(ask({}))).toBe('unknown_message')
  const storedAtMs = (await storedAt(broker.url, stream, seq)).getTime()
  expect(storedAtMs).toBeGreaterThanOrEqual(sentAt - 60_000)
  const recorded = await ask({ stored: { stream, seq, storedAtMs } })
  expect(recorded).toEqual({
    state: 'delivered',
    sinks: [{ name: 'webhook', state: 'sent', atMs: expect.any(Number) }],
  })
  expect(await codeOf(ask({ stored: { stream, seq: seq + 1, storedAtMs } }))).toBe('unknown_message')
  expect(await codeOf(ask({ channel: 'alarm-to-log' }))).toBe('other_channel')
  expect(receiver.received).toHaveLength(1)
}, 90_000)

async function storedAt(url: string, stream: string, seq: number): Promise<Date> {
  const connection = await connect({ servers: [url], name: 'test' }, { logger: collectLogs() })
  try {
    const answer = await connection.client.request(`$JS.API.STREAM.MSG.GET.${stream}`, JSON.stringify({ seq }))
    return new Date(answer.json<{ readonly message: { readonly time: string } }>().message.time)
  } finally {
    await connection.close(2_000)
  }
}
