import type { MessageOf } from '@alarm-bus/contracts'
import { describe, expect, test } from 'vitest'
import {
  type Connection,
  createJetStreamPublisher,
  createSubscriber,
  defineHandler,
  type MessageContext,
  type Subscriber,
  type SubscriberOptions,
} from '../src/index.ts'
import { deadLetterStreamName } from '../src/admin.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, manager, onEnd, open, openWithStreams, type TestContracts, useBroker } from './harness.ts'

const broker = useBroker()
const QUICK_RETRY = { baseMs: 100, factor: 3, capMs: 10_000, jitter: 0.1 }

type Handle = (message: MessageOf<TestContracts['toBot']>, context: MessageContext) => Promise<void> | void

async function setUp() {
  const made = await openWithStreams(broker.current)
  const publisher = createJetStreamPublisher(made.connection, { contracts: made.contracts })
  const publish = (message: string, options = {}) => publisher.publish(made.toBot, { message }, options)
  return { ...made, publish }
}

function subscribe(
  connection: Connection,
  made: TestContracts,
  handle: Handle,
  options: Partial<SubscriberOptions>,
): Subscriber {
  const subscriber = createSubscriber(connection, {
    contracts: made.contracts,
    app: 'app',
    handlers: [defineHandler(made.toBot, handle)],
    retry: QUICK_RETRY,
    ...options,
  })
  subscriber.start()
  onEnd(() => subscriber.stop(5_000))
  return subscriber
}

const running = (subscriber: Subscriber) =>
  waitFor(() => subscriber.checks().every((check) => check.ok), { what: 'the consumer', deadlineMs: 15_000 })

/** An instance of the app as a process of its own would be: the app's inbox prefix, a connection of its own. */
async function instance(made: TestContracts, handle: Handle, options: Partial<SubscriberOptions>) {
  const connection = await open(broker.current, { inboxPrefix: `_INBOX_app_${made.stream.name}` })
  const subscriber = subscribe(connection, made, handle, options)
  await running(subscriber)
  return { connection, subscriber }
}

describe.each(['pull', 'push'] as const)('%s', (mode) => {
  test('delivers what was published, once, with its context, and acknowledges it', async () => {
    const { connection, publish, ...made } = await setUp()
    const seen: unknown[] = []
    const subscriber = subscribe(
      connection,
      made,
      (message, context) => {
        const { channel, subject, stream, seq, consumer, deliveryCount, id } = context
        seen.push({ message, channel, subject, stream, seq, consumer, deliveryCount, id, tag: context.header('tag') })
        expect(Math.abs(context.storedAt.getTime() - Date.now())).toBeLessThan(60_000)
      },
      { mode },
    )
    await running(subscriber)
    await publish('hello', { id: 'm1', headers: { tag: 't' } })
    await waitFor(() => seen.length > 0)
    const context = {
      channel: 'to-bot',
      subject: made.toBot.subject,
      stream: made.stream.name,
      seq: 1,
      consumer: 'app_to-bot',
    }
    expect(seen).toEqual([{ message: { message: 'hello' }, ...context, deliveryCount: 1, id: 'm1', tag: 't' }])
    await waitFor(
      async () =>
        (await (await manager(connection)).consumers.info(made.stream.name, 'app_to-bot')).num_ack_pending === 0,
    )
  })

  test('a newer producer’s unknown field is passed over', async () => {
    const { connection, ...made } = await setUp()
    const seen: unknown[] = []
    subscribe(connection, made, (message) => void seen.push(message), { mode })
    connection.client.publish(made.toBot.subject, JSON.stringify({ message: 'x', addedLater: 1 }))
    await waitFor(() => seen.length === 1)
    expect(seen).toEqual([{ message: 'x' }])
  })

  test('queue group: three instances share 300 messages, each handled once', async () => {
    const { publish, ...made } = await setUp()
    const handled: string[][] = [[], [], []]
    for (const mine of handled) {
      await instance(made, async ({ message }) => void mine.push(message), { mode, concurrency: 5 })
    }
    await Promise.all(Array.from({ length: 300 }, (_, i) => publish(`m${i}`)))
    await waitFor(() => handled.flat().length >= 300)
    expect(handled.flat().sort()).toEqual(Array.from({ length: 300 }, (_, i) => `m${i}`).sort())
    for (const mine of handled) expect(mine.length).toBeGreaterThan(0)
  })

  test('fan-out: each instance sees everything, and its durable has a threshold', async () => {
    const { publish, connection, ...made } = await setUp()
    const handled: string[][] = [[], [], []]
    for (const [i, mine] of handled.entries()) {
      await instance(made, ({ message }) => void mine.push(message), { mode, delivery: 'fan-out', instanceId: `${i}` })
    }
    await Promise.all(Array.from({ length: 20 }, (_, i) => publish(`m${i}`)))
    for (const mine of handled) await waitFor(() => mine.length >= 20)
    for (const mine of handled) expect(new Set(mine).size).toBe(20)
    const info = await (await manager(connection)).consumers.info(made.stream.name, 'app_to-bot_2')
    expect(info.config.inactive_threshold).toBe(86_400e9)
  })

  test('fan-out between apps: one message, two apps, once each', async () => {
    const { publish, ...made } = await setUp()
    const handled: string[] = []
    await instance(made, () => void handled.push('alarm'), { mode, app: 'alarm' })
    await instance(made, () => void handled.push('log'), { mode, app: 'log' })
    await publish('one')
    await waitFor(() => handled.length >= 2)
    await publish('two')
    await waitFor(() => handled.length >= 4)
    expect(handled.sort()).toEqual(['alarm', 'alarm', 'log', 'log'])
  })

  test('a durable resumes where it stopped', async () => {
    const { publish, ...made } = await setUp()
    const handled: string[] = []
    const handle: Handle = ({ message }) => void handled.push(message)
    const first = await instance(made, handle, { mode })
    await publish('before')
    await waitFor(() => handled.length === 1)
    expect(await first.subscriber.stop(5_000)).toEqual([])
    await first.connection.close(1_000)
    await publish('meanwhile')
    await instance(made, handle, { mode })
    await publish('after')
    await waitFor(() => handled.length >= 3)
    expect(handled).toEqual(['before', 'meanwhile', 'after'])
  })

  test('an ephemeral sees what is published while it runs, and is gone afterwards', async () => {
    const { publish, connection, ...made } = await setUp()
    const handled: string[] = []
    await publish('before')
    const { subscriber } = await instance(made, ({ message }) => void handled.push(message), {
      mode,
      lifetime: 'ephemeral',
    })
    await publish('while')
    await waitFor(() => handled.length === 1)
    expect(handled).toEqual(['while'])
    const names = async () =>
      (await (await manager(connection)).consumers.list(made.stream.name).next()).map(
        ({ config }) => config.durable_name,
      )
    expect(await names()).toEqual([undefined])
    await subscriber.stop(5_000)
    expect(await names()).toEqual([])
  })

  test('poison: what is not JSON and what is not the schema become dead letters with everything, the neighbours are handled', async () => {
    const { publish, connection, ...made } = await setUp()
    const handled: string[] = []
    const events: { seq: number; reason: string }[] = []
    connection.events.on('deadLetterStored', ({ seq, reason }) => events.push({ seq, reason }))
    const subscriber = subscribe(connection, made, ({ message }) => void handled.push(message), { mode })
    await running(subscriber)
    await publish('left')
    connection.client.publish(made.toBot.subject, Buffer.from([0xff, 0x00, 0x7b]))
    const { headers } = await import('@nats-io/transport-node')
    const own = headers()
    own.set('Nats-Msg-Id', 'poison-1')
    own.set('x-trace', 'abc')
    connection.client.publish(made.toBot.subject, '{"message":1}', { headers: own })
    await connection.client.flush()
    await publish('right')
    await waitFor(() => handled.length === 2 && events.length === 2)
    expect(handled).toEqual(['left', 'right'])
    expect(events.sort((a, b) => a.seq - b.seq)).toEqual([2, 3].map((seq) => ({ seq, reason: 'invalid_message' })))
    const jsm = await manager(connection)
    const letters = await Promise.all(
      [1, 2].map((seq) => jsm.streams.getMessage(deadLetterStreamName(made.stream.name), { seq })),
    )
    const bytes = letters.find((letter) => letter?.header.get('Dead-Letter-Sequence') === '2')
    expect([...(bytes?.data ?? [])]).toEqual([0xff, 0x00, 0x7b])
    const letter = letters.find((each) => each?.header.get('Dead-Letter-Sequence') === '3')
    expect(letter?.string()).toBe('{"message":1}')
    const header = (name: string) => letter?.header.get(name)
    expect(header('x-trace')).toBe('abc')
    expect(header('Dead-Letter-Original-Nats-Msg-Id')).toBe('poison-1')
    expect(header('Dead-Letter-Reason')).toBe('invalid_message')
    expect(header('Dead-Letter-App')).toBe('test')
    expect(header('Dead-Letter-Consumer')).toBe('app_to-bot')
    expect(header('Dead-Letter-Channel')).toBe('to-bot')
    expect(header('Dead-Letter-Deliveries')).toBe('1')
    expect(header('Dead-Letter-Stream')).toBe(made.stream.name)
    expect(header('Dead-Letter-Subject')).toBe(made.toBot.subject)
    expect(JSON.parse(header('Dead-Letter-Issues') ?? '')).toMatchObject([{ path: '/message', code: 'invalid_type' }])
    expect(
      connection.logs.lines.filter((line) => line.level === 'error' && line.fields['event'] === 'deadLetterStored'),
    ).toHaveLength(2)
    // Terminated, so they are not delivered again.
    await waitFor(async () => (await jsm.consumers.info(made.stream.name, 'app_to-bot')).num_ack_pending === 0)
  })

  test('retry: fails twice, succeeds the third time, with growing delays', async () => {
    const { publish, connection, ...made } = await setUp()
    const attempts: { at: number; deliveryCount: number }[] = []
    const delays: number[] = []
    connection.events.on('retryScheduled', ({ delayMs }) => delays.push(delayMs))
    subscribe(
      connection,
      made,
      (_, context) => {
        attempts.push({ at: performance.now(), deliveryCount: context.deliveryCount })
        if (context.deliveryCount < 3) throw new Error('not yet')
      },
      { mode },
    )
    await publish('stubborn')
    await waitFor(() => attempts.length === 3)
    expect(attempts.map((attempt) => attempt.deliveryCount)).toEqual([1, 2, 3])
    expect(delays).toHaveLength(2)
    expect(delays[1]).toBeGreaterThan((delays[0] as number) * 2)
    for (const [i, delayMs] of delays.entries()) {
      // The broker waits at least as long as it was told; how much longer is the machine's affair.
      expect((attempts[i + 1]?.at ?? 0) - (attempts[i]?.at ?? 0)).toBeGreaterThanOrEqual(delayMs - 5)
    }
    expect(await countMessages(connection, deadLetterStreamName(made.stream.name))).toBe(0)
  })

  test('after the last delivery: a dead letter with the error, then no more', async () => {
    const { publish, connection, ...made } = await setUp()
    let attempts = 0
    subscribe(
      connection,
      made,
      async () => {
        attempts++
        throw new Error('the bot is\nbroken')
      },
      { mode },
    )
    await publish('doomed')
    await waitFor(async () => (await countMessages(connection, deadLetterStreamName(made.stream.name))) === 1)
    const jsm = await manager(connection)
    const letter = await jsm.streams.getMessage(deadLetterStreamName(made.stream.name), { seq: 1 })
    expect(letter?.json()).toEqual({ message: 'doomed' })
    expect(letter?.header.get('Dead-Letter-Reason')).toBe('deliveries_exhausted')
    expect(letter?.header.get('Dead-Letter-Error')).toBe('the bot is broken')
    expect(letter?.header.get('Dead-Letter-Deliveries')).toBe('3')
    expect(letter?.header.get('Contract-Channel')).toBe('to-bot')
    await waitFor(async () => (await jsm.consumers.info(made.stream.name, 'app_to-bot')).num_ack_pending === 0)
    expect(attempts).toBe(3)
  })

  test('the bound holds: handlers that hang are never more than it, and the rest waits on the broker', async () => {
    const { publish, connection, ...made } = await setUp()
    await Promise.all(Array.from({ length: 50 }, (_, i) => publish(`m${i}`)))
    let now = 0
    let most = 0
    const waiting: (() => void)[] = []
    const subscriber = subscribe(
      connection,
      made,
      async () => {
        most = Math.max(most, ++now)
        await new Promise<void>((resolve) => waiting.push(resolve))
        now--
      },
      { mode, concurrency: 7 },
    )
    await waitFor(() => now === 7)
    const info = async () => (await manager(connection)).consumers.info(made.stream.name, 'app_to-bot')
    await running(subscriber)
    expect((await info()).num_ack_pending).toBe(7)
    expect((await info()).num_pending).toBe(43)
    let handled = 0
    await waitFor(() => {
      for (const resolve of waiting.splice(0)) {
        resolve()
        handled++
      }
      return handled >= 50
    })
    expect(most).toBe(7)
    await waitFor(async () => (await info()).num_ack_pending === 0)
  })

  test('a handler longer than the ack wait keeps its message', async () => {
    const { publish, connection, ...made } = await setUp()
    const deliveries: number[] = []
    const started = performance.now()
    subscribe(
      connection,
      made,
      async (_, context) => {
        deliveries.push(context.deliveryCount)
        await waitFor(() => performance.now() - started > 1_500)
      },
      { mode, ackWaitMs: 400 },
    )
    await publish('slow')
    await waitFor(async () => {
      const info = await (await manager(connection)).consumers.info(made.stream.name, 'app_to-bot')
      return deliveries.length > 0 && info.num_ack_pending === 0 && info.ack_floor.stream_seq === 1
    })
    expect(deliveries).toEqual([1])
  })

  test('a deleted consumer is made again where it stopped, not ready meanwhile', async () => {
    const { publish, connection, ...made } = await setUp()
    const handled: string[] = []
    const states: string[] = []
    connection.events.on(
      'consumerStateChanged',
      ({ consumer, state }) => consumer === 'app_to-bot' && states.push(state),
    )
    const subscriber = subscribe(connection, made, ({ message }) => void handled.push(message), { mode })
    await publish('before')
    await waitFor(() => handled.length === 1)
    await running(subscriber)
    await (await manager(connection)).consumers.delete(made.stream.name, 'app_to-bot')
    await waitFor(() => states.includes('recovering'), { deadlineMs: 20_000 })
    await running(subscriber)
    await publish('after')
    await waitFor(() => handled.includes('after'))
    expect(states).toEqual(['running', 'recovering', 'running'])
  })

  test('a deleted stream is waited for, not ready and said, and used when it is there again', async () => {
    const { publish, connection, ...made } = await setUp()
    const handled: string[] = []
    const handle: Handle = ({ message }) => void handled.push(message)
    const first = await instance(made, handle, { mode })
    await publish('before')
    await waitFor(() => handled.length === 1)
    await first.subscriber.stop(5_000)
    await first.connection.close(1_000)
    // The second start knows that message 1 is settled; in the new stream, message 1 is another one.
    const { subscriber } = await instance(made, handle, { mode })
    const jsm = await manager(connection)
    const { config } = await jsm.streams.info(made.stream.name)
    await jsm.streams.delete(made.stream.name)
    await waitFor(() => subscriber.checks()[0]?.detail.includes('is not on the broker'), { deadlineMs: 20_000 })
    expect(subscriber.checks()[0]?.ok).toBe(false)
    await jsm.streams.add(config)
    await publish('anew')
    await waitFor(() => handled.includes('anew'), { deadlineMs: 20_000 })
    await running(subscriber)
  })

  test('shutdown lets handlers finish and their acks reach the broker', async () => {
    const { publish, connection, ...made } = await setUp()
    const { connection: own, subscriber } = await instance(
      made,
      async () => {
        started++
        await new Promise<void>((resolve) => (finish = resolve))
        finished++
      },
      { mode },
    )
    let started = 0
    let finished = 0
    let finish = (): void => undefined
    await publish('in work')
    await waitFor(() => started === 1)
    const stopping = subscriber.stop(10_000)
    finish()
    expect(await stopping).toEqual([])
    expect(finished).toBe(1)
    expect(await own.close(5_000)).toBe(true)
    const info = await (await manager(connection)).consumers.info(made.stream.name, 'app_to-bot')
    expect([info.num_ack_pending, info.ack_floor.stream_seq]).toEqual([0, 1])
  })

  test('shutdown past its budget says what it left and aborts the signal', async () => {
    const { publish, ...made } = await setUp()
    let signal: AbortSignal | undefined
    const { connection, subscriber } = await instance(
      made,
      async (_, context) => {
        signal = context.signal
        await new Promise(() => undefined)
      },
      { mode },
    )
    await publish('stuck')
    await waitFor(() => signal !== undefined)
    const abandoned = await subscriber.stop(100)
    expect(abandoned).toEqual([{ stream: made.stream.name, seq: 1, channel: 'to-bot', deliveryCount: 1 }])
    expect(signal?.aborted).toBe(true)
    expect(
      connection.logs.lines.some((line) => line.level === 'error' && line.fields['event'] === 'messageAbandoned'),
    ).toBe(true)
  })

  test('settlements made while the connection is down reach the broker when it is back', async () => {
    const { publish, ...made } = await setUp()
    let deliveries = 0
    let finish = (): void => undefined
    const { connection } = await instance(
      made,
      async () => {
        deliveries++
        await new Promise<void>((resolve) => (finish = resolve))
      },
      { mode },
    )
    await publish('in work')
    await waitFor(() => deliveries === 1)
    void connection.client.reconnect()
    await waitFor(() => connection.state === 'disconnected', { everyMs: 1 })
    finish()
    await waitFor(() => connection.state === 'connected')
    const jsm = await manager(connection)
    await waitFor(async () => (await jsm.consumers.info(made.stream.name, 'app_to-bot')).ack_floor.stream_seq === 1)
    expect(deliveries).toBe(1)
  })
})
