import { defineContracts, defineStream } from '@alarm-bus/contracts'
import { DeliverPolicy } from '@nats-io/jetstream'
import { describe, expect, test } from 'vitest'
import { noted } from '../src/consumers/note-record.ts'
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

/** A stream of ten messages at most, of one channel or of two, with what its consumer `app_to-bot` says is missing. */
async function setUp(channels: 1 | 2) {
  const made = makeContracts({ maxMessages: 10 })
  const { toBot } = made
  const stream = channels === 2 ? made.stream : defineStream({ ...made.stream, channels: [toBot] })
  const contracts = channels === 2 ? made.contracts : defineContracts({ channels: [toBot], streams: [stream] })
  const connection = await open(broker.current)
  await ensureStreams(connection, [stream], { mode: 'apply' })
  const missed: KitEventMap['messagesMissed'][] = []
  const maybe: KitEventMap['messagesMayBeMissed'][] = []
  connection.events.on('messagesMissed', (event) => missed.push(event))
  connection.events.on('messagesMayBeMissed', (event) => maybe.push(event))
  const handled: string[] = []
  const publish = async (channel: { readonly subject: string }, count: number, ttl?: string): Promise<void> => {
    const { jetstream } = await import('@nats-io/jetstream')
    const js = jetstream(connection.client)
    for (let i = 0; i < count; i++)
      await js.publish(channel.subject, '{"message":"x"}', ttl === undefined ? {} : { ttl })
  }
  const start = (
    options: Partial<SubscriberOptions> = {},
    handle: () => Promise<void> | void = () => void handled.push('x'),
  ) => {
    const handlers = [defineHandler(toBot, handle)]
    const subscriber = createSubscriber(connection, {
      contracts,
      app: 'app',
      handlers,
      watchdog: { lookMs: 50, idleLookMs: 50, noteEveryMs: 50 },
      ...options,
    })
    onEnd(() => subscriber.stop(1_000))
    subscriber.start()
    return subscriber
  }
  const ready = (subscriber: ReturnType<typeof start>) => waitFor(() => subscriber.checks().every(({ ok }) => ok))
  const jsm = await manager(connection)
  const position = async () =>
    (await noted(connection, await jsm.consumers.info(stream.name, 'app_to-bot'))).notes['alarm-bus.position']
  return { ...made, stream, connection, missed, maybe, handled, publish, start, ready, jsm, position }
}

/** Handles one message, has its position noted, and stops. */
async function handleOneAndStop(made: Awaited<ReturnType<typeof setUp>>) {
  const subscriber = made.start()
  await made.ready(subscriber)
  await made.publish(made.toBot, 1)
  await waitFor(
    async () =>
      made.handled.length === 1 &&
      (await made.jsm.consumers.info(made.stream.name, 'app_to-bot')).num_ack_pending === 0,
  )
  await subscriber.stop(2_000)
}

describe('a stream of one channel', () => {
  test('dropped by a limit while the app was away: the exact number, said before the first delivery', async () => {
    const made = await setUp(1)
    const { publish, toBot, start, missed, handled, stream, connection } = made
    await handleOneAndStop(made)
    await publish(toBot, 17)
    const order: string[] = []
    connection.events.on('messagesMissed', () => order.push('said'))
    const again = start({}, () => void order.push('handled'))
    await waitFor(() => order.length === 11)
    expect(order[0]).toBe('said')
    const detail = {
      stream: stream.name,
      consumer: 'app_to-bot',
      channel: 'to-bot',
      from: 2,
      to: 8,
      atLeast: 7,
      atMost: 7,
    }
    expect(missed).toEqual([detail])
    expect(connection.logs.lines.find(({ fields }) => fields['event'] === 'messagesMissed')).toMatchObject({
      level: 'error',
      fields: detail,
    })
    expect(again.checks()[0]).toMatchObject({ ok: true, detail: 'running; 7 messages or more left the stream unseen' })
    expect(handled).toHaveLength(1)
  })

  test('expired by its own time to live, between two that stay', async () => {
    const made = await setUp(1)
    const { publish, toBot, start, missed, handled, jsm, stream } = made
    await handleOneAndStop(made)
    await publish(toBot, 1)
    await publish(toBot, 2, '1s')
    await publish(toBot, 1)
    await waitFor(async () => (await jsm.streams.info(stream.name)).state.messages === 3)
    start()
    await waitFor(() => handled.length === 3)
    expect(missed).toMatchObject([{ from: 2, to: 5, atLeast: 2, atMost: 2 }])
  })

  test('a slow consumer that the stream’s limit overtakes while it runs', async () => {
    const { publish, toBot, start, ready, missed, jsm, stream } = await setUp(1)
    const never = () => new Promise<void>(() => undefined)
    const subscriber = start({ concurrency: 1 }, never)
    await ready(subscriber)
    await publish(toBot, 5)
    await waitFor(async () => (await jsm.consumers.info(stream.name, 'app_to-bot')).num_pending === 4)
    await publish(toBot, 20)
    // One is with the handler, ten are stored.
    await waitFor(() => missed.reduce((sum, { atLeast }) => sum + atLeast, 0) === 14)
  })

  test('all read, dropped afterwards: nothing to say, then or at the next start', async () => {
    const made = await setUp(1)
    const { publish, toBot, start, ready, missed, maybe, handled, jsm, stream } = made
    const subscriber = start({ concurrency: 256 })
    await ready(subscriber)
    for (let round = 1; round <= 6; round++) {
      await publish(toBot, 8)
      await waitFor(() => handled.length === 8 * round)
    }
    await waitFor(async () => (await jsm.consumers.info(stream.name, 'app_to-bot')).num_ack_pending === 0)
    await subscriber.stop(2_000)
    await ready(start())
    expect([missed, maybe]).toEqual([[], []])
  })

  test('a consumer that is new has missed nothing of what was before it', async () => {
    const { publish, toBot, start, handled, missed, maybe } = await setUp(1)
    await publish(toBot, 25)
    start()
    await waitFor(() => handled.length === 10)
    expect([missed, maybe]).toEqual([[], []])
  })
})

describe('a stream of several channels', () => {
  test('what waited when the app went is gone when it comes back: proven, by the note on the consumer', async () => {
    const { publish, toBot, toLog, start, ready, missed, jsm, stream, position } = await setUp(2)
    const subscriber = start(
      { concurrency: 1, ackWaitMs: 60_000, maxHandlerMs: 60_000 },
      () => new Promise<void>(() => undefined),
    )
    await ready(subscriber)
    await publish(toBot, 5)
    // The process is killed: it notes its position now and then, not at its end.
    await waitFor(async () => JSON.parse((await position()) ?? '[]')[3] === 4)
    await subscriber.stop(1)
    await publish(toLog, 20)
    expect((await jsm.consumers.info(stream.name, 'app_to-bot')).num_pending).toBe(0)
    await ready(start())
    await waitFor(() => missed.length === 1)
    expect(missed).toMatchObject([{ consumer: 'app_to-bot', from: 2, to: 15, atLeast: 4 }])
    expect(missed[0]?.atMost).toBeGreaterThanOrEqual(4)
  })

  test('what waits while the consumer runs is overtaken by another channel’s messages', async () => {
    const { publish, toBot, toLog, start, ready, missed, position } = await setUp(2)
    await ready(start({ concurrency: 1 }, () => new Promise<void>(() => undefined)))
    await publish(toBot, 4)
    // Not before the watch has seen what waits.
    await waitFor(async () => JSON.parse((await position()) ?? '[]')[3] === 3)
    await publish(toLog, 30)
    await waitFor(() => missed.length === 1)
    expect(missed).toMatchObject([{ atLeast: 3 }])
  })

  test('another channel’s messages that come and go while the app was away leave a doubt, and no alarm', async () => {
    const made = await setUp(2)
    const { publish, toLog, start, ready, missed, maybe } = made
    await handleOneAndStop(made)
    await publish(toLog, 25)
    await ready(start())
    expect(missed).toEqual([])
    expect(maybe).toMatchObject([{ channel: 'to-bot', from: 2, to: 16, atMost: 15 }])
  })

  test('the consumer’s own that come and go while the app was away leave a doubt: the broker keeps no trace', async () => {
    const made = await setUp(2)
    const { publish, toBot, start, missed, maybe, handled } = made
    await handleOneAndStop(made)
    await publish(toBot, 17)
    start()
    await waitFor(() => handled.length === 11)
    expect(missed).toEqual([])
    expect(maybe).toMatchObject([{ from: 2, to: 8, atMost: 7 }])
  })

  test('a quiet channel beside a busy one is no doubt: the app saw the stream pass', async () => {
    const made = await setUp(2)
    const { publish, toLog, start, ready, missed, maybe, position } = made
    await handleOneAndStop(made)
    const subscriber = start()
    await ready(subscriber)
    await publish(toLog, 30)
    await waitFor(async () => JSON.parse((await position()) ?? '[]')[1] === 31)
    await subscriber.stop(1)
    await publish(toLog, 5)
    await ready(start())
    expect([missed, maybe]).toEqual([[], []])
  })

  test('a recreated stream starts over: what went with the old one is not taken for a limit’s work', async () => {
    const made = await setUp(2)
    const { publish, toBot, toLog, start, ready, missed, maybe, jsm, stream, connection, position } = made
    const subscriber = start({ concurrency: 1 }, () => new Promise<void>(() => undefined))
    await ready(subscriber)
    await publish(toBot, 4)
    await waitFor(async () => JSON.parse((await position()) ?? '[]')[3] === 3)
    await jsm.streams.delete(stream.name)
    await ensureStreams(connection, [stream], { mode: 'apply' })
    await publish(toLog, 30)
    await waitFor(async () => JSON.parse((await position()) ?? '[]')[1] === 30, { deadlineMs: 20_000 })
    await waitFor(() => subscriber.checks().every(({ ok }) => ok))
    expect([missed, maybe]).toEqual([[], []])
  })

  test('a note that another consumer of that name left says nothing of this one, which counts from zero', async () => {
    const made = await setUp(2)
    const { publish, toBot, start, ready, missed, maybe, jsm, stream } = made
    await handleOneAndStop(made)
    await publish(toBot, 5)
    const { config } = await jsm.consumers.info(stream.name, 'app_to-bot')
    // As it is noted while those five wait; then they are handled, and an operator moves the consumer behind them.
    const [created, lastSeq, gone, , ...others] = JSON.parse(config.metadata?.['alarm-bus.position'] ?? '[]')
    const note = { 'alarm-bus.position': JSON.stringify([created, lastSeq + 5, gone, 5, ...others]) }
    const of = JSON.parse(config.metadata?.['alarm-bus.position-of'] ?? '[]')
    await jsm.consumers.delete(stream.name, 'app_to-bot')
    await jsm.consumers.add(stream.name, {
      ...config,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: 7,
      metadata: {
        ...config.metadata,
        ...note,
        'alarm-bus.position-of': JSON.stringify([lastSeq + 5, ...of.slice(1)]),
        'alarm-bus.settled-before': '7',
      },
    })
    await publish(toBot, 2)
    const { jetstream } = await import('@nats-io/jetstream')
    const other = await jetstream(made.connection.client).consumers.get(stream.name, 'app_to-bot')
    for await (const message of await other.fetch({ max_messages: 2 })) await message.ackAck()
    await ready(start())
    await publish(toBot, 1)
    await waitFor(() => made.handled.length === 2)
    expect({ missed, maybe }).toEqual({ missed: [], maybe: [] })
  })

  test('what waited is gone, and more of the channel’s own came: what waited is proven', async () => {
    const { publish, toBot, start, ready, missed, jsm, stream, position } = await setUp(2)
    const never = () => new Promise<void>(() => undefined)
    const subscriber = start({ concurrency: 1 }, never)
    await ready(subscriber)
    await publish(toBot, 4)
    await waitFor(async () => JSON.parse((await position()) ?? '[]')[3] === 3)
    await subscriber.stop(1)
    await publish(toBot, 17)
    await waitFor(async () => (await jsm.consumers.info(stream.name, 'app_to-bot')).num_pending === 10)
    await ready(start({ concurrency: 1 }, never))
    await waitFor(() => missed.length > 0)
    // One was delivered, ten wait; that all 21 were the channel's own is not known.
    expect(missed).toMatchObject([{ from: 2, to: 11, atLeast: 3, atMost: 10 }])
  })
})
