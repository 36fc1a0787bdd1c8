import { expect, test } from 'vitest'
import {
  connect,
  createJetStreamPublisher,
  createSubscriber,
  defineHandler,
  type Logger,
  RetryLater,
} from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { manager, onEnd, open, openWithStreams, useBroker } from './harness.ts'

const broker = useBroker()

const circular: Record<string, unknown> = {}
circular['self'] = circular
const unreadable = new Proxy(
  {},
  {
    get: () => raise(new Error('not to be read')),
    getPrototypeOf: () => raise(new Error('of no kind')),
  },
)

function raise(error: unknown): never {
  throw error
}

const thenable = {}
Reflect.set(thenable, 'then', raise)

const THROWN: Readonly<Record<string, unknown>> = {
  circular,
  'no prototype': Object.create(null),
  'a proxy that throws': unreadable,
  undefined: undefined,
  'a symbol': Symbol('odd'),
  'an error without a message': Object.defineProperty(new Error('x'), 'message', { get: () => raise(circular) }),
  'a rejected thenable': undefined,
}

test.each(Object.keys(THROWN))(
  'a handler throws %s, and the logger throws at it: its message is kept, the next handled',
  async (what) => {
    const made = await openWithStreams(broker.current)
    const logger: Logger = {
      debug: () => undefined,
      info: () => undefined,
      warn: () => raise(circular),
      error: () => raise('no'),
    }
    const own = await connect({ servers: [broker.current.url], name: 'hostile' }, { logger })
    onEnd(() => own.close(1_000))
    own.events.on('retryScheduled', () => raise(unreadable))
    const handled: string[] = []
    const subscriber = createSubscriber(own, {
      contracts: made.contracts,
      app: 'app',
      maxDeliver: 2,
      retry: { baseMs: 10 },
      handlers: [
        defineHandler(made.toBot, ({ message }) => {
          if (message === 'next') return void handled.push(message)
          if (what === 'a rejected thenable') return thenable as never
          return raise(THROWN[what])
        }),
      ],
    })
    onEnd(() => subscriber.stop(1_000))
    subscriber.start()
    const publisher = createJetStreamPublisher(made.connection, { contracts: made.contracts })
    for (const message of ['odd', 'next']) await publisher.publish(made.toBot, { message })
    const letters = async () =>
      (await (await manager(made.connection)).streams.info(`${made.stream.name}_DLQ`)).state.messages
    await waitFor(async () => (await letters()) === 1)
    await waitFor(() => handled.length === 1)
    expect(subscriber.checks().filter(({ ok }) => !ok)).toEqual([])
  },
)

test('RetryLater is no failure: past the last delivery the message is handled later all the same', async () => {
  const made = await openWithStreams(broker.current)
  const counts: number[] = []
  const subscriber = createSubscriber(made.connection, {
    contracts: made.contracts,
    app: 'app',
    maxDeliver: 2,
    retry: { baseMs: 10 },
    handlers: [
      defineHandler(made.toBot, (_, { deliveryCount }) => {
        counts.push(deliveryCount)
        throw deliveryCount <= 4 ? new RetryLater(10) : new Error('a failure')
      }),
    ],
  })
  onEnd(() => subscriber.stop(1_000))
  subscriber.start()
  await createJetStreamPublisher(made.connection, { contracts: made.contracts }).publish(made.toBot, { message: 'x' })
  const jsm = await manager(made.connection)
  await waitFor(async () => (await jsm.streams.info(`${made.stream.name}_DLQ`)).state.messages === 1)
  // Four waits that it asked for, which the broker does not count, and then two failures.
  expect(counts).toEqual([1, 2, 3, 4, 5, 6])
})

test('waits that handlers ask for are no failures for other instances either', async () => {
  const made = await openWithStreams(broker.current)
  const asked = new Map<string, number>()
  for (let instance = 0; instance < 2; instance++) {
    const own = await open(broker.current)
    const subscriber = createSubscriber(own, {
      contracts: made.contracts,
      app: 'app',
      maxDeliver: 2,
      ackWaitMs: 600,
      concurrency: 4,
      handlers: [
        defineHandler(made.toBot, ({ message }) => {
          const times = (asked.get(message) ?? 0) + 1
          asked.set(message, times)
          if (times <= 20) throw new RetryLater(100)
        }),
      ],
    })
    onEnd(() => subscriber.stop(1_000))
    subscriber.start()
    await waitFor(() => subscriber.checks().every(({ ok }) => ok))
  }
  const publisher = createJetStreamPublisher(made.connection, { contracts: made.contracts })
  for (let i = 0; i < 20; i++) await publisher.publish(made.toBot, { message: `m-${i}` })
  const jsm = await manager(made.connection)
  const info = () => jsm.consumers.info(made.stream.name, 'app_to-bot')
  await waitFor(() => [...asked.values()].length === 20 && [...asked.values()].every((times) => times >= 21), {
    deadlineMs: 60_000,
  })
  await waitFor(async () => (await info()).num_ack_pending === 0)
  expect((await jsm.streams.info(`${made.stream.name}_DLQ`)).state.messages).toBe(0)
})

test('a promise that calls back twice settles its own message only; one that throws when it is used is a failure', async () => {
  const made = await openWithStreams(broker.current)
  const seen: string[] = []
  let callAgain = (): void => undefined
  let fail: (error: Error) => void = () => undefined
  const subscriber = createSubscriber(made.connection, {
    contracts: made.contracts,
    app: 'app',
    concurrency: 1,
    maxDeliver: 1,
    handlers: [
      defineHandler(made.toBot, ({ message }) => {
        seen.push(message)
        if (message === 'fails') return new Promise<void>((_, reject) => (fail = reject))
        const odd = Promise.resolve()
        Reflect.defineProperty(odd, String('then'), {
          get: () => {
            if (message === 'throws') throw new Error('not to be used')
            return (done: () => void) => {
              done()
              callAgain = done
            }
          },
        })
        return odd
      }),
    ],
  })
  onEnd(() => subscriber.stop(1_000))
  subscriber.start()
  const publisher = createJetStreamPublisher(made.connection, { contracts: made.contracts })
  for (const message of ['twice', 'fails', 'throws']) await publisher.publish(made.toBot, { message })
  await waitFor(() => seen.length === 2)
  callAgain()
  fail(new Error('down'))
  const jsm = await manager(made.connection)
  await waitFor(async () => (await jsm.streams.info(`${made.stream.name}_DLQ`)).state.messages === 2)
  const letter = async (seq: number) => (await jsm.streams.getMessage(`${made.stream.name}_DLQ`, { seq }))?.json()
  expect([await letter(1), await letter(2)]).toEqual([{ message: 'fails' }, { message: 'throws' }])
})
