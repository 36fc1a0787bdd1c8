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
import { manager, onEnd, openWithStreams, useBroker } from './harness.ts'

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

test('RetryLater is no failure: past the last delivery the message is redelivered all the same', async () => {
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
  // Four waits that it asked for, and then two failures.
  expect(counts).toEqual([1, 2, 3, 4, 5, 6])
})
