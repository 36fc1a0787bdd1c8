import { expect, test } from 'vitest'
import {
  createSubscriber,
  defineHandler,
  ensureStreams,
  kvOnceStore,
  type MessageHandler,
  onceOnly,
  createBus,
} from '../src/index.ts'
import { onceBucketName } from '../src/admin.ts'
import { collectLogs, waitFor } from '../src/testing.ts'
import { makeContracts, manager, onEnd, open, useBroker } from './harness.ts'

const broker = useBroker()

test('an app writes its once-only handlers down before it is connected; a redelivery after success runs nothing', async () => {
  const { contracts, stream, toBot, toLog } = makeContracts()
  const admin = await open(broker.current)
  const handled: string[] = []
  const store = kvOnceStore()
  const once = (name: string, channel: typeof toBot | typeof toLog): MessageHandler =>
    onceOnly(
      defineHandler(channel, ({ message }) => void handled.push(`${name} ${message}`)),
      { store },
    )
  const inner = once('bot', toBot)
  let wrapped = 0
  const handlers: readonly MessageHandler[] = [
    // Wrapped by somebody who knows nothing of stores.
    { ...inner, handle: async (message, context) => (wrapped++, inner.handle(message, context)) },
    once('log', toLog),
  ]
  const start = async () => {
    const logger = collectLogs()
    const connection = { servers: [broker.current.url], name: 'app' }
    const bus = createBus({ contracts, logger, connection, publisher: {}, subscriber: { handlers } })
    void bus.start()
    onEnd(() => bus.stop(2_000))
    await waitFor(() => bus.health().ready, { what: 'the bus' })
    const passedOver = () => logger.lines.filter(({ fields }) => fields['event'] === 'redeliveryPassedOver')
    return { bus, passedOver }
  }

  const first = await start()
  await first.bus.publisher.publish(toBot, { message: 'a' })
  await first.bus.publisher.publish(toLog, { message: 'b' })
  await waitFor(() => handled.length === 2)
  expect(await first.bus.stop(5_000)).toEqual({ clean: true, abandoned: [] })
  const jsm = await manager(admin)
  const { state } = await jsm.streams.info(`KV_${onceBucketName(stream.name)}`, { subjects_filter: '>' })
  expect(Object.keys(state.subjects ?? {}).filter((subject) => !subject.endsWith('.notes'))).toHaveLength(2)

  // A consumer that is made anew begins at the beginning: every message comes again.
  for (const name of ['app_to-bot', 'app_to-log']) await jsm.consumers.delete(stream.name, name)
  const second = await start()
  await waitFor(() => second.passedOver().length === 2)
  expect(handled.toSorted()).toEqual(['bot a', 'log b'])
  expect(wrapped).toBe(2)
})

test('a store that was not opened, or that serves another connection, says so', async () => {
  const { contracts, stream, toBot } = makeContracts()
  const connection = await open(broker.current)
  const key = { stream: stream.name, consumer: 'app_to-bot', seq: 1, storedAt: new Date(0) }
  const store = kvOnceStore()
  await expect(store.claim(key)).rejects.toMatchObject({ code: 'invalid_options' })
  expect(() => kvOnceStore({ leaseMs: 1 })).toThrow(/leaseMs/)

  await ensureStreams(connection, [stream], { mode: 'apply' })
  const handlers = [
    onceOnly(
      defineHandler(toBot, () => undefined),
      { store },
    ),
  ]
  const subscriberOn = (on: typeof connection, app: string) => {
    const subscriber = createSubscriber(on, { contracts, app, handlers })
    onEnd(() => subscriber.stop(1_000))
    return subscriber
  }
  const [one, other] = [subscriberOn(connection, 'one'), subscriberOn(connection, 'other')]
  const elsewhere = await open(broker.current)
  expect(() => subscriberOn(elsewhere, 'app')).toThrow(/another connection/)

  // Open for as long as one of its subscribers is, however often the other is stopped.
  await one.stop(1_000)
  await one.stop(1_000)
  const claim = await store.claim(key)
  expect(claim).toMatchObject({ done: expect.any(Function) })
  if (typeof claim !== 'string') await claim.release()
  await other.stop(1_000)
  await expect(store.claim(key)).rejects.toMatchObject({ code: 'invalid_options' })
  subscriberOn(elsewhere, 'app')
})
