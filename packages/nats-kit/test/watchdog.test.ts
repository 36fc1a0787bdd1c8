import { beforeEach, describe, expect, test } from 'vitest'
import {
  type Connection,
  createSubscriber,
  defineHandler,
  type KitEventMap,
  KitErrorCode,
  createBus,
  type SubscriberOptions,
  WatchdogCondition,
} from '../src/index.ts'
import { collectLogs, startTestBroker, waitFor } from '../src/testing.ts'
import { makeContracts, manager, onEnd, openWithStreams, startBroker, useBroker } from './harness.ts'

const broker = useBroker()
const QUICK = { lookMs: 50 }

type Change = KitEventMap['watchdogChanged']

/** A subscriber whose handler waits until it is let go. */
async function setUp(options: Partial<SubscriberOptions>) {
  const made = await openWithStreams(broker.current)
  const { connection, contracts, toBot, stream } = made
  const changes: Change[] = []
  connection.events.on('watchdogChanged', (change) => changes.push(change))
  let resolveGate = (): void => undefined
  const gate = new Promise<void>((resolve) => (resolveGate = resolve))
  let failure: Error | undefined
  /** From now on handlers end, or fail. */
  const letGo = (error?: Error): void => {
    failure = error
    resolveGate()
  }
  const subscriber = createSubscriber(connection, {
    contracts,
    app: 'app',
    handlers: [
      defineHandler(toBot, async () => {
        await gate
        if (failure) throw failure
      }),
    ],
    ...options,
  })
  onEnd(() => subscriber.stop(1_000))
  onEnd(async () => letGo())
  subscriber.start()
  await waitFor(() => subscriber.checks().every(({ ok }) => ok))
  const publish = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) connection.client.publish(toBot.subject, '{"message":"x"}')
    await connection.client.flush()
  }
  const check = (condition: WatchdogCondition) =>
    subscriber.checks().find(({ name }) => name === `watchdog:${condition}:app_to-bot`)
  const said = (condition: WatchdogCondition) =>
    connection.logs.lines.filter(
      ({ fields }) => fields['event'] === 'watchdogChanged' && fields['condition'] === condition,
    )
  const of = (condition: WatchdogCondition) => changes.filter((change) => change.condition === condition)
  return { ...made, subscriber, publish, letGo, check, said, of, jsm: await manager(connection), name: stream.name }
}

/** Each change once in the log and once as an event: on, then off, and the check is gone. */
async function expectOnAndOff(
  made: Awaited<ReturnType<typeof setUp>>,
  condition: WatchdogCondition,
  level: string,
): Promise<void> {
  await waitFor(() => made.of(condition).length === 2, { deadlineMs: 20_000 })
  expect(made.of(condition)).toMatchObject([
    { stream: made.name, consumer: 'app_to-bot', on: true },
    { stream: made.name, consumer: 'app_to-bot', on: false },
  ])
  expect(made.said(condition).map((line) => line.level)).toEqual([level, 'info'])
  expect(made.check(condition)).toBeUndefined()
}

describe('stalled', () => {
  test('messages wait and none is settled: not ready, until one is', async () => {
    const made = await setUp({ concurrency: 2, idleHeartbeatMs: 2_000, watchdog: { ...QUICK, stalledAfterMs: 200 } })
    made.letGo()
    const lost = losePulls(made.connection)
    // What was asked for before is delivered still; what is asked for after it is not.
    await made.publish(2)
    await waitFor(async () => (await made.jsm.consumers.info(made.name, 'app_to-bot')).ack_floor.stream_seq === 2)
    await made.publish(3)
    await waitFor(() => made.check(WatchdogCondition.Stalled))
    expect(made.check(WatchdogCondition.Stalled)).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^3 messages wait and none was settled/),
    })
    // More looks change nothing that is said.
    await made.publish(2)
    await waitFor(() => made.check(WatchdogCondition.Stalled)?.detail.startsWith('5 messages wait'))
    lost.end()
    await expectOnAndOff(made, WatchdogCondition.Stalled, 'error')
  })

  test.each(['pull', 'push'] as const)(
    'handlers that take longer than stalledAfterMs, and no longer than they may, are not; nor is an instance beside them (%s)',
    async (mode) => {
      const made = await setUp({ mode, concurrency: 2, watchdog: { ...QUICK, stalledAfterMs: 100 } })
      await made.publish(2)
      await waitFor(async () => (await made.jsm.consumers.info(made.name, 'app_to-bot')).num_ack_pending === 2)
      const handlers = [defineHandler(made.toBot, () => new Promise<void>(() => undefined))]
      const other = createSubscriber(made.connection, {
        contracts: made.contracts,
        app: 'app',
        handlers,
        mode,
        concurrency: 2,
        watchdog: { ...QUICK, stalledAfterMs: 100 },
      })
      onEnd(() => other.stop(1))
      other.start()
      await made.publish(6)
      let looks = 0
      made.connection.events.on('consumerMeasured', ({ pendingMessages }) => {
        if (pendingMessages > 0) looks++
      })
      await waitFor(() => looks > 20)
      expect(made.of(WatchdogCondition.Stalled)).toEqual([])
    },
  )

  test('a busy consumer with nothing behind it is not; one that is paused on the broker says that it is', async () => {
    const made = await setUp({ concurrency: 2, watchdog: { ...QUICK, stalledAfterMs: 200 } })
    await made.publish(2)
    let looks = 0
    made.connection.events.on('consumerMeasured', () => looks++)
    await waitFor(() => looks > 10)
    await made.jsm.consumers.pause(made.name, 'app_to-bot', new Date(Date.now() + 60_000))
    await made.publish(3)
    await waitFor(() => made.check(WatchdogCondition.PausedOnBroker)?.detail.includes('3 messages wait'))
    expect(made.check(WatchdogCondition.PausedOnBroker)).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^the consumer is paused on the broker for \d+ ms more/),
    })
    looks = 0
    await waitFor(() => looks > 10)
    expect(made.of(WatchdogCondition.Stalled)).toEqual([])
    await made.jsm.consumers.resume(made.name, 'app_to-bot')
    await expectOnAndOff(made, WatchdogCondition.PausedOnBroker, 'error')
  })
})

/** Requests for messages go nowhere, as if the way to the consumer's leader were lost while the connection stands. */
function losePulls({ frames }: Connection): { end(): void } {
  const publish = frames.publish.bind(frames)
  frames.publish = (subject, ...rest) => {
    if (!subject.startsWith('$JS.API.CONSUMER.MSG.NEXT.')) publish(subject, ...rest)
  }
  return { end: () => (frames.publish = publish) }
}

test('a deleted consumer: not ready until the kit has made it again', async () => {
  const made = await setUp({ watchdog: QUICK })
  await made.jsm.consumers.delete(made.name, 'app_to-bot')
  await expectOnAndOff(made, WatchdogCondition.ConsumerDeleted, 'error')
  await made.jsm.consumers.info(made.name, 'app_to-bot')
})

test('missed heartbeats: not ready while the broker says nothing, and ready again', async () => {
  const made = await setUp({ idleHeartbeatMs: 100, watchdog: QUICK })
  const lost = losePulls(made.connection)
  // What was asked for before is answered for as long as it lasts, so it ends with the consumer.
  await made.jsm.consumers.delete(made.name, 'app_to-bot')
  await waitFor(() => made.check(WatchdogCondition.MissedHeartbeats))
  expect(made.check(WatchdogCondition.MissedHeartbeats)).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^no heartbeat for \d+ ms$/),
  })
  lost.end()
  await expectOnAndOff(made, WatchdogCondition.MissedHeartbeats, 'error')
})

test('delayed retries at the cap, so that nothing new is delivered: not ready, until they are settled', async () => {
  const made = await setUp({
    concurrency: 2,
    maxAckPending: 20,
    retry: { baseMs: 6_000, capMs: 6_000 },
    watchdog: QUICK,
  })
  made.letGo(new Error('the service is away'))
  await made.publish(30)
  await waitFor(() => made.check(WatchdogCondition.DeliveryBlocked))
  expect(made.check(WatchdogCondition.DeliveryBlocked)).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^20 deliveries are without an ack, 20 may be: 10 messages wait .*maxAckPending/),
  })
  made.letGo()
  await waitFor(() => made.check(WatchdogCondition.DeliveryBlocked) === undefined, { deadlineMs: 20_000 })
  expect(made.of(WatchdogCondition.DeliveryBlocked)[0]).toMatchObject({ on: true, consumer: 'app_to-bot' })
})

test('push: retries at the cap and no handler that runs: not ready; handlers that run at the cap are work', async () => {
  const made = await setUp({
    mode: 'push',
    concurrency: 4,
    retry: { baseMs: 6_000, capMs: 6_000 },
    watchdog: QUICK,
  })
  await made.publish(10)
  await waitFor(() => made.check(WatchdogCondition.AckPendingAtCap))
  // The handlers run.
  expect(made.of(WatchdogCondition.DeliveryBlocked)).toEqual([])
  made.letGo(new Error('the service is away'))
  await waitFor(() => made.check(WatchdogCondition.DeliveryBlocked))
  expect(made.check(WatchdogCondition.DeliveryBlocked)).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^4 deliveries are without an ack, 4 may be: 6 messages wait .*concurrency/),
  })
  made.letGo()
  await waitFor(() => made.check(WatchdogCondition.DeliveryBlocked) === undefined, { deadlineMs: 20_000 })
})

test('the cap follows from concurrency and retries, and is an option', async () => {
  const capOf = async (options: Partial<SubscriberOptions>) => {
    const { jsm, name } = await setUp(options)
    return (await jsm.consumers.info(name, 'app_to-bot')).config.max_ack_pending
  }
  expect(await capOf({ concurrency: 1 })).toBe(1_000)
  // 16 handlers that fail in 20 ms send 4,800 messages back in the 6 s of the first one's retries.
  expect(await capOf({})).toBe(4_816)
  expect(await capOf({ maxDeliver: 10 })).toBe(5_000)
  expect(await capOf({ concurrency: 6_000 })).toBe(6_000)
  expect(await capOf({ maxAckPending: 123 })).toBe(123)
  expect(await capOf({ mode: 'push', concurrency: 7 })).toBe(7)
  await expect(capOf({ concurrency: 16, maxAckPending: 15 })).rejects.toThrow(/maxAckPending/)
})

test('a server that allows less than the cap that follows gets the one of before', async () => {
  const server = await startBroker({
    configText: 'jetstream { max_file: 1TB, limits { max_ack_pending: 2000 } }',
  })
  const { connection, contracts, toBot, stream } = await openWithStreams(server)
  const handlers = [defineHandler(toBot, () => undefined)]
  const subscriber = createSubscriber(connection, { contracts, app: 'app', handlers })
  onEnd(() => subscriber.stop(1_000))
  subscriber.start()
  await waitFor(() => subscriber.checks().every(({ ok }) => ok))
  const jsm = await manager(connection)
  expect((await jsm.consumers.info(stream.name, 'app_to-bot')).config.max_ack_pending).toBe(1_000)
})

describe('a warning, and ready all the same', () => {
  test('ack-pending at its cap', async () => {
    const made = await setUp({ mode: 'push', concurrency: 3, watchdog: QUICK })
    await made.publish(4)
    await waitFor(() => made.check(WatchdogCondition.AckPendingAtCap))
    expect(made.check(WatchdogCondition.AckPendingAtCap)).toEqual({
      name: 'watchdog:ack_pending_at_cap:app_to-bot',
      ok: true,
      warning: true,
      detail: '3 deliveries are without an ack, 3 may be',
    })
    made.letGo()
    await expectOnAndOff(made, WatchdogCondition.AckPendingAtCap, 'warn')
  })

  test('a slow consumer: lag, deliveries against their cap, and the age that no unread message exceeds', async () => {
    const made = await setUp({ concurrency: 2, watchdog: { ...QUICK, lagMessages: 10 } })
    const slow: KitEventMap['slowConsumerDetected'][] = []
    made.connection.events.on('slowConsumerDetected', (event) => slow.push(event))
    await made.publish(40)
    await waitFor(() => slow.length === 1)
    expect(slow[0]).toEqual({
      subject: made.toBot.subject,
      stream: made.name,
      consumer: 'app_to-bot',
      pendingMessages: 38,
      pendingMessagesLimit: 10,
      dropped: 0,
      ackPending: 2,
      // Two handlers with the default retries, of 6 s together.
      ackPendingLimit: 1_000,
      oldestUnreadMsAtMost: expect.any(Number),
    })
    expect(made.check(WatchdogCondition.SlowConsumer)).toMatchObject({ ok: true, warning: true })
    made.letGo()
    await expectOnAndOff(made, WatchdogCondition.SlowConsumer, 'warn')
    expect(slow).toHaveLength(1)
  })
})

describe('the event loop', () => {
  let server: Awaited<ReturnType<typeof startTestBroker>>

  beforeEach(async () => {
    server = await startTestBroker()
    return () => server.stop()
  })

  test('a blocked one is said when it is over, of an app that only publishes too, and leaves it ready', async () => {
    const { contracts } = makeContracts()
    const logger = collectLogs()
    const bus = createBus({
      contracts,
      logger,
      connection: { servers: [server.url], name: 'app' },
      publisher: {},
      eventLoopLagMs: 700,
    })
    void bus.start()
    try {
      const changes: Change[] = []
      bus.events.on('watchdogChanged', (change) => changes.push(change))
      await waitFor(() => bus.health().ready)
      const checks = new Set<string>()
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500)
      await waitFor(() => {
        for (const { name, ok, warning } of bus.health().checks) if (ok && warning) checks.add(name)
        // A loaded machine may block it on its own account before.
        return checks.size > 0 && changes.at(-1)?.on === false
      })
      expect([...checks]).toEqual(['watchdog:event_loop_lag'])
      expect(changes.slice(-2)).toMatchObject([
        { condition: WatchdogCondition.EventLoopLag, on: true, detail: expect.stringMatching(/blocked for \d+ ms/) },
        { condition: WatchdogCondition.EventLoopLag, on: false },
      ])
      expect(bus.health().ready).toBe(true)
    } finally {
      await bus.stop(2_000)
    }
  })
})

test('options that cannot work are refused by name', async () => {
  const { contracts, toBot } = makeContracts()
  const subscriber = { handlers: [defineHandler(toBot, () => undefined)], watchdog: { lookMs: 0 } }
  const options = { contracts, logger: collectLogs(), connection: { servers: ['127.0.0.1:1'], name: 'app' } }
  expect(() => createBus({ ...options, subscriber })).toThrow(/watchdog: lookMs/)
  expect(() => createBus({ ...options, eventLoopLagMs: 1 })).toThrow(
    expect.objectContaining({ code: KitErrorCode.InvalidOptions }),
  )
})
