import type { MessageOf } from '@alarm-bus/contracts'
import { describe, expect, test } from 'vitest'
import {
  createJetStreamPublisher,
  createSubscriber,
  defineHandler,
  type MessageContext,
  RetryLater,
  createBus,
  type SubscriberOptions,
} from '../src/index.ts'
import { deadLetterStreamName } from '../src/admin.ts'
import { collectLogs, waitFor } from '../src/testing.ts'
import { makeContracts, manager, onEnd, open, openWithStreams, type TestContracts, useBroker } from './harness.ts'

const broker = useBroker()

type Handle = (message: MessageOf<TestContracts['toBot']>, context: MessageContext) => Promise<void> | void

async function setUp(mode: 'pull' | 'push') {
  const { connection, ...made } = await openWithStreams(broker.current)
  const publisher = createJetStreamPublisher(connection, { contracts: made.contracts })
  const jsm = await manager(connection)
  /** An instance of the app with a connection of its own, not started. */
  const create = async (handle: Handle, options: Partial<SubscriberOptions> = {}) => {
    const own = await open(broker.current, { inboxPrefix: `_INBOX_app_${made.stream.name}` })
    const subscriber = createSubscriber(own, {
      contracts: made.contracts,
      app: 'app',
      handlers: [defineHandler(made.toBot, handle)],
      mode,
      retry: { baseMs: 100 },
      ...options,
    })
    onEnd(() => subscriber.stop(5_000))
    return { connection: own, subscriber }
  }
  return {
    ...made,
    jsm,
    info: () => jsm.consumers.info(made.stream.name, 'app_to-bot'),
    publish: async (...messages: string[]) => {
      for (const message of messages) await publisher.publish(made.toBot, { message })
    },
    create,
    /** The same, running. */
    start: async (handle: Handle, options: Partial<SubscriberOptions> = {}) => {
      const { connection: own, subscriber } = await create(handle, options)
      subscriber.start()
      const runs = () => waitFor(() => subscriber.checks().every(({ ok }) => ok), { what: 'the consumer runs' })
      await runs()
      const check = () => subscriber.checks().find(({ name }) => name === 'consumer:app_to-bot')
      return { connection: own, subscriber, runs, check }
    },
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `m${from + i}`)

/** Until this long has passed: longer than the broker would wait for an ack. */
const passed = (ms: number) => {
  const startedAt = performance.now()
  return waitFor(() => performance.now() - startedAt > ms)
}

describe.each(['pull', 'push'] as const)('%s', (mode) => {
  test('messages wait on the broker, undelivered, and health says why; then each comes once', async () => {
    const { publish, info, start } = await setUp(mode)
    const seen: string[] = []
    const { subscriber, check, runs, connection } = await start(({ message }, { deliveryCount }) => {
      seen.push(`${message} ${deliveryCount}`)
    })
    await publish('before')
    await waitFor(() => seen.length === 1)
    const resume = subscriber.pause('the bot is away')
    expect(check()).toEqual({ name: 'consumer:app_to-bot', ok: false, detail: 'paused: the bot is away' })
    // The broker has stopped sending once it answers a request that came after.
    await connection.client.flush()
    await publish(...range(0, 30))
    await waitFor(async () => (await info()).num_ack_pending === 0)
    expect(await info()).toMatchObject({ num_pending: 30, delivered: { consumer_seq: 1 } })
    expect(seen).toEqual(['before 1'])
    resume()
    await waitFor(() => seen.length === 31)
    expect(seen).toEqual(['before 1', ...range(0, 30).map((message) => `${message} 1`)])
    await runs()
    expect(check()?.detail).toBe('running')
  })

  test('what was on its way is held for longer than the ack wait, and costs no delivery', async () => {
    const { publish, info, create } = await setUp(mode)
    const seen: string[] = []
    let resume = (): void => undefined
    await publish(...range(0, 8))
    const { subscriber } = await create(
      ({ message }, { deliveryCount }) => {
        if (seen.length === 0) resume = subscriber.pause('at the first one')
        seen.push(`${message} ${deliveryCount}`)
      },
      { ackWaitMs: 400 },
    )
    subscriber.start()
    await waitFor(async () => (await info()).num_ack_pending === 7)
    await passed(1_500)
    expect(seen).toEqual(['m0 1'])
    resume()
    await waitFor(() => seen.length >= 8)
    expect(seen).toEqual(range(0, 8).map((message) => `${message} 1`))
  })

  test('a handler that runs is not told to stop for the time of the pause', async () => {
    const { publish, info, start } = await setUp(mode)
    const counts: number[] = []
    let aborted: boolean | undefined
    let finish = (): void => undefined
    const { subscriber } = await start(
      async (_, { signal, deliveryCount }) => {
        counts.push(deliveryCount)
        await new Promise<void>((resolve) => (finish = resolve))
        aborted = signal.aborted
      },
      { ackWaitMs: 400, maxHandlerMs: 800 },
    )
    await publish('long')
    await waitFor(() => counts.length === 1)
    const resume = subscriber.pause('what it needs is away')
    await passed(2_000)
    resume()
    await passed(300)
    finish()
    await waitFor(async () => (await info()).ack_floor.stream_seq === 1)
    expect({ counts, aborted }).toEqual({ counts: [1], aborted: false })
  })

  test('stops within pauses give back what is held; however often, what never ran is no dead letter', async () => {
    const { publish, info, jsm, stream, create } = await setUp(mode)
    const seen: string[] = []
    const options = { maxDeliver: 2, maxUnsettled: 2 }
    await publish(...range(0, 8))
    // Each start handles one message, and pauses with the others on their way.
    for (let restart = 1; restart <= 5; restart++) {
      const before = seen.length
      const { subscriber } = await create(({ message }) => {
        if (seen.length === before) subscriber.pause('at the first one')
        seen.push(message)
      }, options)
      subscriber.start()
      await waitFor(async () => seen.length > before && (await info()).num_ack_pending === 8 - restart)
      expect(await subscriber.stop(5_000)).toEqual([])
    }
    const { subscriber } = await create(({ message }) => void seen.push(message), options)
    subscriber.start()
    await waitFor(async () => (await info()).ack_floor.stream_seq === 8)
    expect(seen.toSorted()).toEqual(range(0, 8))
    expect((await jsm.streams.info(deadLetterStreamName(stream.name))).state.messages).toBe(0)
  })
})

test('deliveries that a stop gave back are no failures for the next process', async () => {
  const { publish, info, jsm, stream, create } = await setUp('pull')
  await publish('first', 'held')
  for (let restart = 1; restart <= 3; restart++) {
    let isPaused = false
    const { subscriber } = await create(() => {
      if (!isPaused) subscriber.pause('at the first one')
      isPaused = true
      // Not a failure either, however often.
      throw new RetryLater(0)
    })
    subscriber.start()
    await waitFor(async () => isPaused && (await info()).num_ack_pending === 2)
    expect(await subscriber.stop(5_000)).toEqual([])
  }
  const counts: [string, number][] = []
  const { subscriber } = await create(({ message }, { deliveryCount }) => {
    counts.push([message, deliveryCount])
    throw new Error('a failure')
  })
  subscriber.start()
  await waitFor(async () => (await jsm.streams.info(deadLetterStreamName(stream.name))).state.messages === 2)
  for (const name of ['first', 'held']) {
    const own = counts.filter(([message]) => message === name).map(([, deliveryCount]) => deliveryCount)
    expect(own.length).toBe(3)
    expect(own[0]).toBeGreaterThanOrEqual(3)
  }
})

test('in a queue group the other instance gets what comes', async () => {
  const { publish, start } = await setUp('push')
  const seen: string[] = []
  const one = await start(() => void seen.push('one'))
  await start(() => void seen.push('two'))
  one.subscriber.pause('on its own')
  await one.connection.client.flush()
  await publish(...range(0, 20))
  await waitFor(() => seen.length === 20)
  expect(new Set(seen)).toEqual(new Set(['two']))
})

test('each pause counts, redriven messages wait too, and only its own channel is paused', async () => {
  const { toBot, toLog, start } = await setUp('pull')
  const { subscriber, check, runs } = await start(() => undefined)
  const resume = [subscriber.pause('slack', toBot), subscriber.pause('discord')]
  const paused = () => subscriber.checks().filter(({ detail }) => detail === 'paused: slack; discord')
  expect(paused().map(({ name }) => name)).toEqual(['consumer:app_to-bot', 'consumer:app_to-bot_redrive'])
  resume[0]?.()
  resume[0]?.()
  expect(check()?.detail).toBe('paused: discord')
  resume[1]?.()
  await runs()
  expect(() => subscriber.pause('no such handler', toLog)).toThrow('"to-log" cannot be paused: it has no handler here')
})

test('a pause outlasts the connection', async () => {
  const { publish, start } = await setUp('pull')
  const seen: string[] = []
  // The server may still hand a message to the connection that has gone; it comes again after the ack wait.
  const options = { ackWaitMs: 1_000 }
  const { subscriber, connection, check } = await start(({ message }) => void seen.push(message), options)
  const resume = subscriber.pause('the bot is away')
  await connection.client.reconnect()
  await waitFor(() => connection.state === 'connected')
  await publish('meanwhile')
  await waitFor(() => check()?.detail === 'paused: the bot is away', { what: 'it is paused again' })
  expect(seen).toEqual([])
  resume()
  await waitFor(() => seen.length === 1)
})

test('a bus is paused before it is connected; one without a subscriber refuses', async () => {
  const { contracts, toBot } = makeContracts()
  const connection = { name: 'app', servers: [broker.current.url] }
  const shared = { contracts, connection, logger: collectLogs() }
  const seen: string[] = []
  const handlers = [defineHandler(toBot, ({ message }) => void seen.push(message))]
  const bus = createBus({ ...shared, publisher: {}, subscriber: { handlers } })
  void bus.start()
  onEnd(() => bus.stop(5_000))
  const resume = bus.pause('from the start', toBot)
  await waitFor(() => bus.health().checks.some(({ detail }) => detail === 'paused: from the start'))
  await waitFor(() => bus.publisher.publish(toBot, { message: 'hello' }))
  expect(seen).toEqual([])
  resume()
  await waitFor(() => seen.length === 1)
  const silent = createBus({ ...shared, publisher: {} })
  void silent.start()
  onEnd(() => silent.stop(5_000))
  expect(() => silent.pause('nothing')).toThrow('without a subscriber')
})
