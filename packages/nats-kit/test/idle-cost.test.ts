import { type Channel, defineChannel, defineContracts, defineStream } from '@alarm-bus/contracts'
import { nuid } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { createSubscriber, defineHandler, ensureStreams, type SubscriberOptions } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { onEnd, open, useBroker } from './harness.ts'

const broker = useBroker()

const IDLE_LOOK_MS = 1_000

/** An app with so many channels in one stream, with nothing to do, and the requests that it makes in some seconds. */
async function idle(count: number, options: Partial<SubscriberOptions>) {
  const key = nuid.next()
  const channels = Array.from({ length: count }, (_, index): Channel =>
    defineChannel({
      name: `c-${index}`,
      subject: `${key}.${index}`,
      description: 'one of many',
      schema: z.object({ message: z.string() }),
    }),
  )
  const stream = defineStream({
    name: `S_${key}`,
    description: 'a test',
    channels,
    maxAgeMs: 3_600_000,
    maxMessages: 1_000,
    maxBytes: 1024 * 1024,
  })
  const connection = await open(broker.current, { inboxPrefix: `_INBOX_${key}` })
  await ensureStreams(connection, [stream], { mode: 'apply' })
  const subscriber = createSubscriber(connection, {
    contracts: defineContracts({ channels, streams: [stream] }),
    app: 'app',
    handlers: channels.map((channel) => defineHandler(channel, () => undefined)),
    watchdog: { lookMs: 50, idleLookMs: IDLE_LOOK_MS },
    ...options,
  })
  onEnd(() => subscriber.stop(2_000))
  const looks = new Map<string, number>()
  connection.events.on('consumerMeasured', ({ consumer }) => looks.set(consumer, (looks.get(consumer) ?? 0) + 1))
  subscriber.start()
  await waitFor(() => subscriber.checks().every(({ ok }) => ok), { deadlineMs: 30_000 })
  // Each has waited for the longest time at least once: 50, 100, 200, 400, 800, 1,000.
  await waitFor(() => [...looks.values()].filter((times) => times > 6).length >= count, { deadlineMs: 60_000 })
  const asked = new Map<string, number>()
  const admin = await open(broker.current)
  admin.client.subscribe('$JS.API.>', {
    callback: (_, { subject }) => {
      if (subject.includes(key)) asked.set(subject, (asked.get(subject) ?? 0) + 1)
    },
  })
  await admin.client.flush()
  const startedAt = performance.now()
  await waitFor(() => performance.now() - startedAt > 5 * IDLE_LOOK_MS, { deadlineMs: 60_000 })
  const atMost = Math.ceil((performance.now() - startedAt) / IDLE_LOOK_MS) + 1
  const of = (kind: string) => [...asked].filter(([subject]) => subject.startsWith(`$JS.API.${kind}.`))
  return { asked, atMost, of, name: stream.name }
}

test.each([
  [1, 'pull'],
  [10, 'pull'],
  [10, 'push'],
] as const)(
  'an app with %i idle channels (%s) looks at each consumer once in a while, and asks for nothing else',
  async (count, mode) => {
    const { atMost, of, name, asked } = await idle(count, { mode })
    const looks = of('CONSUMER.INFO')
    for (const [subject, times] of looks) expect(times, subject).toBeLessThanOrEqual(atMost)
    expect(looks.length).toBeGreaterThanOrEqual(count)
    // One look at the stream serves all its consumers.
    const streams = of('STREAM.INFO')
    expect(streams.map(([subject]) => subject)).toEqual([`$JS.API.STREAM.INFO.${name}`])
    expect(streams[0]?.[1]).toBeLessThanOrEqual(2 * atMost)
    // Requests for messages live on, and nothing is written.
    expect([...asked.keys()].filter((subject) => !/^\$JS\.API\.(CONSUMER|STREAM)\.INFO\./.test(subject))).toEqual([])
  },
)

test('messages bring the looks back', async () => {
  const key = nuid.next()
  const channel = defineChannel({ name: 'one', subject: `${key}.one`, description: 'one', schema: z.object({}) })
  const limits = { maxAgeMs: 3_600_000, maxMessages: 1_000, maxBytes: 1024 * 1024 }
  const stream = defineStream({ name: `S_${key}`, description: 'a test', channels: [channel], ...limits })
  const connection = await open(broker.current)
  await ensureStreams(connection, [stream], { mode: 'apply' })
  let looks = 0
  connection.events.on('consumerMeasured', ({ consumer }) => void (consumer === 'app_one' && looks++))
  const subscriber = createSubscriber(connection, {
    contracts: defineContracts({ channels: [channel], streams: [stream] }),
    app: 'app',
    handlers: [defineHandler(channel, () => undefined)],
    watchdog: { lookMs: 20, idleLookMs: 600_000 },
  })
  onEnd(() => subscriber.stop(2_000))
  subscriber.start()
  // The wait doubles with each look: after the eighth the next is ten seconds away.
  await waitFor(() => looks > 8, { deadlineMs: 120_000 })
  const before = looks
  connection.client.publish(channel.subject, '{}')
  await waitFor(() => looks > before, { deadlineMs: 5_000 })
}, 150_000)
