import {
  type Connection,
  createJetStreamPublisher,
  createSubscriber,
  defineHandler,
  type MessageContext,
  type SubscriberOptions,
} from '../src/index.ts'
import {
  type DeadLetterEntry,
  type DeadLetterFilter,
  deadLetterStreamName,
  listDeadLetters,
  redriveDeadLetters,
  type RedriveOptions,
  type RedriveOutcome,
  redriveStreamName,
} from '../src/admin.ts'
import { type NatsServer, waitFor } from '../src/testing.ts'
import { countMessages, manager, onEnd, openWithStreams } from './harness.ts'

type Handle = (message: { message: string }, context: MessageContext) => Promise<void> | void

/** A stream, a publisher, apps on demand, and what an operator sees. */
export async function setUpRedrive(server: NatsServer) {
  const made = await openWithStreams(server)
  const { connection, contracts, stream, toBot } = made
  const publisher = createJetStreamPublisher(connection, { contracts })
  onEnd(() => publisher.close())
  const letters = deadLetterStreamName(stream.name)
  const redrives = redriveStreamName(stream.name)
  return {
    ...made,
    publisher,
    letters,
    redrives,
    jsm: await manager(connection),
    /** An app that handles `toBot` and is ready to. */
    async app(name: string, handle: Handle, options: Partial<SubscriberOptions> = {}) {
      const subscriber = createSubscriber(connection, {
        contracts,
        app: name,
        handlers: [defineHandler(toBot, handle)],
        retry: { baseMs: 10, capMs: 10 },
        ...options,
      })
      onEnd(() => subscriber.stop(1_000))
      subscriber.start()
      await waitFor(() => subscriber.checks().every((check) => check.ok), { what: `${name} to run` })
      return subscriber
    },
    waitForLetters: (count: number) => waitFor(async () => (await countMessages(connection, letters)) === count),
    waitForNoRedrives: () => waitFor(async () => (await countMessages(connection, redrives)) === 0),
    async list(filter: DeadLetterFilter = {}): Promise<readonly DeadLetterEntry[]> {
      return collect(listDeadLetters(connection, stream.name, filter))
    },
    /** Fast unless told otherwise. */
    async redrive(filter: DeadLetterFilter = {}, options: RedriveOptions = {}, over: Connection = connection) {
      const outcomes: RedriveOutcome[] = []
      const report = await redriveDeadLetters(over, stream.name, filter, {
        dryRun: false,
        ratePerSecond: 10_000,
        onOutcome: (outcome) => outcomes.push(outcome),
        ...options,
      })
      return { ...report, outcomes }
    },
  }
}

/** All that an iterable yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** A connection whose letters cannot be removed: a run over it ends where a crash after the store would. */
export function withoutRemoving(connection: Connection): Connection {
  const client = new Proxy(connection.client, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown
      if (name !== 'request') return typeof value === 'function' ? value.bind(target) : value
      return (subject: string, ...rest: []) => {
        if (subject.includes('.STREAM.MSG.DELETE.')) return Promise.reject(new Error('the process is gone'))
        return target.request(subject, ...rest)
      }
    },
  })
  return Object.create(connection, { client: { value: client } }) as Connection
}

/** Makes the redrive stream forget message ids, as it does by itself after ten minutes. */
export async function forgetIds(jsm: Awaited<ReturnType<typeof manager>>, stream: string): Promise<void> {
  await jsm.streams.update(stream, { duplicate_window: 100_000_000 })
  await new Promise((resolve) => setTimeout(resolve, 300))
}
