import { Worker } from 'node:worker_threads'
import { defineContracts, defineStream } from '@alarm-bus/contracts'
import { jetstream } from '@nats-io/jetstream'
import { describe, expect, test } from 'vitest'
import {
  createSubscriber,
  defineHandler,
  ensureStreams,
  type KitEventMap,
  type SubscriberOptions,
} from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { makeContracts, manager, onEnd, open, useBroker } from './harness.ts'

const broker = useBroker()
const NAME = 'app_to-bot'

/** A stream of one channel or of two, what its consumer says is missing, and what was handled. */
async function setUp(channels: 1 | 2, maxMessages = 100_000) {
  const made = makeContracts({ maxMessages })
  const { toBot } = made
  const stream = channels === 2 ? made.stream : defineStream({ ...made.stream, channels: [toBot] })
  const contracts = channels === 2 ? made.contracts : defineContracts({ channels: [toBot], streams: [stream] })
  const connection = await open(broker.current)
  await ensureStreams(connection, [stream], { mode: 'apply' })
  const missed: KitEventMap['messagesMissed'][] = []
  const maybe: KitEventMap['messagesMayBeMissed'][] = []
  connection.events.on('messagesMissed', (event) => missed.push(event))
  connection.events.on('messagesMayBeMissed', (event) => maybe.push(event))
  const handled = new Set<string>()
  const published: string[] = []
  const publisher = await open(broker.current)
  const jsm = await manager(publisher)
  const publish = async (channel: { readonly subject: string }, count: number, ttl?: string) => {
    for (let i = 0; i < count; i++) {
      const message = `${channel.subject}-${published.length}-${i}`
      if (channel === toBot) published.push(message)
      await jetstream(publisher.client).publish(channel.subject, JSON.stringify({ message }), ttl ? { ttl } : {})
    }
  }
  const start = async (
    options: Partial<SubscriberOptions> = {},
    handle: () => Promise<void> | void = () => undefined,
  ) => {
    const handler = defineHandler(toBot, async ({ message }) => {
      await handle()
      handled.add(message)
    })
    const watchdog = { lookMs: 50, idleLookMs: 50, noteEveryMs: 50 }
    const subscriber = createSubscriber(connection, {
      contracts,
      app: 'app',
      handlers: [handler],
      watchdog,
      ...options,
    })
    onEnd(() => subscriber.stop(1_000))
    subscriber.start()
    await waitFor(() => subscriber.checks().every(({ ok }) => ok))
    return subscriber
  }
  const info = () => jsm.consumers.info(stream.name, NAME)
  const drained = () =>
    waitFor(async () => {
      const { num_pending: waiting, num_ack_pending: open } = await info()
      return waiting === 0 && open === 0
    })
  const looked = (isSo: (waiting: number) => boolean) =>
    new Promise<void>((resolve) => {
      const onLook = ({ consumer, pendingMessages }: KitEventMap['consumerMeasured']) => {
        if (consumer !== NAME || !isSo(pendingMessages)) return
        connection.events.off('consumerMeasured', onLook)
        resolve()
      }
      connection.events.on('consumerMeasured', onLook)
    })
  const atLeast = () => missed.reduce((sum, one) => sum + one.atLeast, 0)
  const atMost = () => [...missed, ...maybe].reduce((sum, one) => sum + one.atMost, 0)
  const lost = () => published.filter((message) => !handled.has(message)).length
  return {
    ...made,
    stream,
    connection,
    missed,
    maybe,
    handled,
    publish,
    published,
    start,
    jsm,
    info,
    drained,
    looked,
    atLeast,
    atMost,
    lost,
  }
}

describe.each([1, 2] as const)('a stream of %i channels', (channels) => {
  test.each(['pull', 'push'] as const)(
    'a consumer that is deleted under a backlog and made again, all handled: nothing was missed (%s)',
    async (mode) => {
      const made = await setUp(channels)
      const { publish, toBot, start, jsm, stream, handled, looked, drained, missed, maybe } = made
      let goOn = (): void => undefined
      const gate = new Promise<void>((resolve) => (goOn = resolve))
      const half = () => (handled.size < 100 ? undefined : gate)
      await start({ mode, concurrency: 4 }, half)
      // What one instance has handled by the time that the other one looks is not lost.
      await start({ mode, concurrency: 4 }, half)
      const backlog = looked((waiting) => waiting > 80 && handled.size >= 100)
      await publish(toBot, 200)
      await backlog
      await jsm.consumers.delete(stream.name, NAME)
      goOn()
      await waitFor(() => handled.size === 200, { deadlineMs: 30_000 })
      await drained()
      // The looks after it find nothing either.
      const more = looked((waiting) => waiting === 0)
      await more
      await looked((waiting) => waiting === 0)
      expect([missed, maybe]).toEqual([[], []])
    },
  )

  test('a consumer that is deleted, made again and read by another instance, all handled: nothing was missed', async () => {
    const { publish, toBot, start, jsm, stream, handled, looked, drained, missed, maybe, info, connection } =
      await setUp(channels)
    const subscriber = await start()
    await publish(toBot, 100)
    await waitFor(() => handled.size === 100)
    await drained()
    const resume = subscriber.pause('its sink is away')
    // The broker has stopped sending once it answers a request that came after.
    await connection.client.flush()
    const backlog = looked((waiting) => waiting === 100)
    await publish(toBot, 100)
    await backlog
    const { config } = await info()
    await jsm.consumers.delete(stream.name, NAME)
    await jsm.consumers.add(stream.name, { ...config, deliver_policy: 'by_start_sequence', opt_start_seq: 101 })
    const consumer = await jetstream((await open(broker.current)).client).consumers.get(stream.name, NAME)
    for await (const message of await consumer.fetch({ max_messages: 100, expires: 5_000 })) message.ack()
    await drained()
    resume()
    await waitFor(() => subscriber.checks().every(({ ok }) => ok))
    await looked((waiting) => waiting === 0)
    await looked((waiting) => waiting === 0)
    expect([missed, maybe]).toEqual([[], []])
  })

  test('a backlog that is purged while the app pauses: counted', async () => {
    const { publish, toBot, toLog, start, jsm, stream, looked, atLeast, drained, lost, connection } =
      await setUp(channels)
    if (channels === 2) await publish(toLog, 5)
    const subscriber = await start()
    await publish(toBot, 10)
    await drained()
    const resume = subscriber.pause('its sink is away')
    // The broker has stopped sending once it answers a request that came after.
    await connection.client.flush()
    const backlog = looked((waiting) => waiting === 355)
    await publish(toBot, 355)
    await backlog
    await jsm.streams.purge(stream.name, { filter: toBot.subject })
    await waitFor(() => atLeast() === 355)
    resume()
    await publish(toBot, 5)
    await waitFor(() => lost() === 355)
    await drained()
    expect(atLeast()).toBe(355)
  })

  test('a backlog that expires while the app pauses: counted', async () => {
    const { publish, toBot, toLog, start, looked, atLeast, info, connection } = await setUp(channels)
    if (channels === 2) await publish(toLog, 5)
    const subscriber = await start()
    subscriber.pause('its sink is away')
    await connection.client.flush()
    const backlog = looked((waiting) => waiting === 50)
    await publish(toBot, 50, '2s')
    await backlog
    await waitFor(async () => (await info()).num_pending === 0, { deadlineMs: 20_000 })
    await waitFor(() => atLeast() === 50)
  })

  test('what comes and goes between two looks of a pause: counted, or said to be in doubt', async () => {
    const { publish, toBot, toLog, start, jsm, stream, atLeast, atMost, lost, drained, connection } =
      await setUp(channels)
    if (channels === 2) await publish(toLog, 5)
    // No look within the pause.
    const subscriber = await start({ watchdog: { lookMs: 60_000, idleLookMs: 60_000 } })
    await publish(toBot, 10)
    await drained()
    const resume = subscriber.pause('its sink is away')
    // The broker has stopped sending once it answers a request that came after.
    await connection.client.flush()
    await publish(toBot, 40)
    await jsm.streams.purge(stream.name, { filter: toBot.subject })
    resume()
    // Not before it has looked: what arrives within a look shows at the next one.
    await waitFor(() => subscriber.checks().every(({ ok }) => ok))
    await publish(toBot, 1)
    await waitFor(() => lost() === 40)
    await waitFor(() => atMost() >= 40)
    expect(atLeast()).toBeLessThanOrEqual(40)
    if (channels === 1) expect(atLeast()).toBe(40)
  })

  test.each(['pull', 'push'] as const)(
    'what comes and goes while the process stands still: counted, or said to be in doubt (%s)',
    async (mode) => {
      const { publish, toBot, toLog, start, stream, atLeast, atMost, lost, drained, published, handled } =
        await setUp(channels)
      if (channels === 2) await publish(toLog, 5)
      await start({ mode, concurrency: 2, ackWaitMs: 10_000 })
      await publish(toBot, 10)
      await drained()
      const during = Array.from({ length: 100 }, (_, i) => `during-${i}`)
      const after = Array.from({ length: 20 }, (_, i) => `after-${i}`)
      published.push(...during, ...after)
      await standStill(broker.current.url, { stream: stream.name, subject: toBot.subject, during, after })
      await waitFor(() => after.every((message) => handled.has(message)), { deadlineMs: 30_000 })
      await drained()
      expect(lost()).toBeGreaterThan(90)
      await waitFor(() => atMost() >= lost())
      expect(atLeast()).toBeLessThanOrEqual(lost())
      if (channels === 1) expect(atLeast()).toBe(lost())
    },
  )
})

test('a backlog that keeps growing while the stream drops its beginning: what waited at any look is proven', async () => {
  const { publish, toBot, toLog, start, looked, atLeast, lost, info, connection } = await setUp(2, 100)
  const subscriber = await start()
  subscriber.pause('its sink is away')
  await connection.client.flush()
  for (let round = 0; round < 5; round++) {
    await publish(toBot, 20)
    // A look that began before the last of them was stored proves less.
    const { num_pending: waiting } = await info()
    await looked((seen) => seen >= waiting)
    await publish(toLog, 60)
  }
  const waiting = (await info()).num_pending
  await waitFor(() => atLeast() > 0)
  await looked(() => true)
  await looked(() => true)
  expect(atLeast()).toBe(100 - waiting)
  expect(lost()).toBe(100)
})

/** Blocks this process until another thread has published, purged and published, for longer than a pause for breath. */
async function standStill(
  url: string,
  work: {
    readonly stream: string
    readonly subject: string
    readonly during: readonly string[]
    readonly after: readonly string[]
  },
): Promise<void> {
  const shared = new Int32Array(new SharedArrayBuffer(8))
  const code = `
    const { workerData } = require('node:worker_threads')
    const { connect } = require('@nats-io/transport-node')
    const { jetstream, jetstreamManager } = require('@nats-io/jetstream')
    const { url, stream, subject, during, after, shared } = workerData
    const body = (message) => JSON.stringify({ message })
    ;(async () => {
      const nc = await connect({ servers: url })
      const js = jetstream(nc), jsm = await jetstreamManager(nc)
      Atomics.store(shared, 0, 1); Atomics.notify(shared, 0)
      // The other thread stands still by now, or will in a moment.
      Atomics.wait(shared, 1, 0)
      for (const message of during) await js.publish(subject, body(message))
      await jsm.streams.purge(stream, { filter: subject })
      for (const message of after) await js.publish(subject, body(message))
      await new Promise((resolve) => setTimeout(resolve, 3500))
      await nc.close()
      Atomics.store(shared, 0, 2); Atomics.notify(shared, 0)
    })()`
  const worker = new Worker(code, { eval: true, workerData: { url, ...work, shared } })
  await waitFor(() => Atomics.load(shared, 0) === 1, { deadlineMs: 20_000 })
  Atomics.store(shared, 1, 1)
  Atomics.notify(shared, 1)
  Atomics.wait(shared, 0, 1, 30_000)
  await worker.terminate()
}
