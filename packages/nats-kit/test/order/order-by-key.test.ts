import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import {
  createJetStreamPublisher,
  createSubscriber,
  DeadLetter,
  defineHandler,
  ensureStreams,
  KitErrorCode,
  RetryLater,
  type SubscriberOptions,
} from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { Dice } from '../dice.ts'
import { countMessages, manager, onEnd, open, useBroker } from '../harness.ts'
import { makeKeyed } from './keyed-contracts.ts'
import { OrderHistory } from './order-history.ts'

const broker = useBroker()
const DOES = ['return', 'return', 'return', 'wait', 'wait', 'throw', 'later', 'dead'] as const

async function setScene() {
  const made = makeKeyed()
  const connection = await open(broker.current)
  await ensureStreams(connection, made.contracts.streams, { mode: 'apply' })
  const publisher = createJetStreamPublisher(connection, { contracts: made.contracts, maxInFlight: 10_000 })
  const history = new OrderHistory()
  const failed = new Map<string, number>()
  const subscribe = async (options: Partial<SubscriberOptions> = {}, afterBegin?: (key: string) => Promise<void>) => {
    const own = await open(broker.current, { name: 'app' })
    const subscriber = createSubscriber(own, {
      contracts: made.contracts,
      app: 'app',
      handlers: [
        defineHandler(made.channel, async ({ key, n, does, times }) => {
          history.begin(key, n)
          const runs = (failed.get(`${key} ${n}`) ?? 0) + 1
          failed.set(`${key} ${n}`, runs)
          await afterBegin?.(key)
          if (does === 'wait') await sleep(n % 5)
          const isFailure = runs <= times && (does === 'throw' || does === 'later')
          history.end(key, n, !isFailure)
          if (does === 'dead') throw new DeadLetter('as asked')
          if (isFailure && does === 'later') throw new RetryLater(5)
          if (isFailure) throw new Error('as asked')
        }),
      ],
      retry: { baseMs: 10, factor: 1, capMs: 10, jitter: 0 },
      ...options,
    })
    subscriber.start()
    onEnd(() => subscriber.stop(5_000))
    return subscriber
  }
  return { ...made, connection, publisher, history, subscribe }
}

test('messages of one key are handled one after another whatever their handlers do, keys side by side', async () => {
  const { channel, publisher, history, subscribe, connection, stream } = await setScene()
  const dice = new Dice(7)
  const count = 3_000
  await subscribe()
  await Promise.all(
    Array.from({ length: count }, (_, n) =>
      publisher.publish(channel, { key: `k${dice.int(1, 40)}`, n, does: dice.pick(DOES), times: dice.int(1, 2) }),
    ),
  )
  await waitFor(() => history.ended === count, { what: 'all messages', deadlineMs: 60_000 })
  expect(history.violations).toEqual([])
  expect(await countMessages(connection, `${stream.name}_DLQ`)).toBeGreaterThan(count / 20)
})

test('a poison key stops only itself, for as long as its retries take; its dead letter lets the later ones go on', async () => {
  const { channel, publisher, history, subscribe, connection, stream } = await setScene()
  const send = (key: string, n: number, does = 'return') => publisher.publish(channel, { key, n, does, times: 100 })
  await send('poison', 0, 'throw')
  // Far more than run at once.
  const later = Array.from({ length: 300 }, (_, n) => send('poison', n + 1))
  await Promise.all(later)
  for (let n = 0; n < 100; n++) await send(`k${n % 10}`, n)
  const order: string[] = []
  const retry = { baseMs: 1_500, factor: 1, capMs: 1_500, jitter: 0 }
  await subscribe({ retry, concurrency: 4 }, async (key) => void order.push(key))
  await waitFor(() => history.ended === later.length + 100, { what: 'all but the poison', deadlineMs: 60_000 })
  expect(history.violations).toEqual(['poison: 1 began before the end of 0'])
  expect(await countMessages(connection, `${stream.name}_DLQ`)).toBe(1)
  // All others had their turn between its first run and its second one; its later ones after its third.
  const others = Array.from({ length: 100 }, (_, n) => order.indexOf(`k${n % 10}`))
  const runs = order.flatMap((key, at) => (key === 'poison' ? [at] : []))
  expect(runs).toHaveLength(3 + later.length)
  expect(Math.max(...others)).toBeLessThan(runs[1] ?? 0)
})

test('a stop gives back what waits, and the next instance goes on in order', async () => {
  const { channel, publisher, history, subscribe, connection, stream } = await setScene()
  const gate = Promise.withResolvers<void>()
  const first = await subscribe({ concurrency: 8 }, () => gate.promise)
  await Promise.all(Array.from({ length: 200 }, (_, n) => publisher.publish(channel, { key: `k${n % 5}`, n })))
  const { consumers } = await manager(connection)
  // One of each key runs, and the others wait in the instance.
  await waitFor(async () => (await consumers.info(stream.name, `app_${channel.name}`)).num_ack_pending === 200, {
    what: 'all messages to be with the first instance',
  })
  const stopping = first.stop(5_000)
  gate.resolve()
  await stopping
  await subscribe({ concurrency: 8 })
  await waitFor(() => history.ended === 200, { what: 'all messages', deadlineMs: 30_000 })
  expect(history.violations).toEqual([])
})

test('a subscriber that has messages pushed is refused', async () => {
  const { subscribe } = await setScene()
  await expect(subscribe({ mode: 'push' })).rejects.toMatchObject({ code: KitErrorCode.InvalidOptions })
})
