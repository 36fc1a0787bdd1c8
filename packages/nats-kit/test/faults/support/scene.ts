import type { StreamOptions } from '@alarm-bus/contracts'
import { jetstreamManager } from '@nats-io/jetstream'
import { nuid } from '@nats-io/transport-node'
import {
  connect,
  type Connection,
  type ConnectionOptions,
  createJetStreamPublisher,
  createSubscriber,
  defineHandler,
  ensureStreams,
  type MessageContext,
  type StoredSenderOptions,
  type Subscriber,
  type SubscriberOptions,
} from '../../../src/index.ts'
import { deadLetterStreamName } from '../../../src/admin.ts'
import { collectLogs, waitFor } from '../../../src/testing.ts'
import { type FaultContracts, faultContracts } from './contracts.ts'
import { Journal } from './journal.ts'
import { QUICK_CONNECTION, QUICK_SUBSCRIBER } from './worker-settings.ts'

/** Closes in reverse order what was opened. */
export class CleanUp {
  readonly #closers: (() => unknown)[] = []

  readonly add = (close: () => unknown): void => void this.#closers.push(close)

  async run(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close()
  }
}

export type OnEnd = (close: () => Promise<unknown>) => void

export interface SceneOptions {
  readonly servers: readonly string[]
  readonly onEnd: OnEnd
  readonly stream?: Partial<StreamOptions>
  readonly replicas?: number
  readonly connection?: Partial<ConnectionOptions>
  readonly publisher?: StoredSenderOptions
}

export type LoggedConnection = Connection & { readonly logs: ReturnType<typeof collectLogs> }

export type Publish = (id: string) => Promise<{ readonly seq: number; readonly duplicate: boolean }>

/** A stream, a journal, and a publisher whose connection the fault may hit. */
export interface Scene extends FaultContracts {
  readonly servers: readonly string[]
  readonly streamOptions: Partial<StreamOptions>
  readonly journal: Journal
  readonly connection: LoggedConnection
  readonly publish: Publish
  /** Another publisher, for instance of another connection. */
  publisherOn(connection: Connection, options?: StoredSenderOptions): Publish
  open(options?: Partial<ConnectionOptions>): Promise<LoggedConnection>
}

export async function setScene(options: SceneOptions): Promise<Scene> {
  const { servers, onEnd, replicas } = options
  const key = nuid.next()
  const streamOptions = options.stream ?? {}
  const made = faultContracts(key, streamOptions)
  const journal = new Journal()
  onEnd(async () => journal.remove())
  const open = async (extra: Partial<ConnectionOptions> = {}): Promise<LoggedConnection> => {
    const logs = collectLogs()
    const opened = await connect(
      {
        ...QUICK_CONNECTION,
        servers,
        name: 'test',
        inboxPrefix: `_INBOX_${nuid.next()}`,
        ...options.connection,
        ...extra,
      },
      { logger: logs },
    )
    onEnd(() => opened.close(1_000))
    return Object.defineProperty(opened, 'logs', { value: logs }) as LoggedConnection
  }
  const connection = await open()
  // A cluster that lost a node a moment ago places no new stream until all are seen again.
  const placed = () =>
    ensureStreams(connection, [made.stream], { mode: 'apply', ...(replicas === undefined ? {} : { replicas }) })
  await waitFor(placed, { deadlineMs: 30_000, what: 'the streams' })
  const publisherOn = (on: Connection, extra: StoredSenderOptions = {}): Publish => {
    const publisher = createJetStreamPublisher(on, {
      contracts: made.contracts,
      attemptTimeoutMs: 1_000,
      ...options.publisher,
      ...extra,
    })
    onEnd(() => publisher.close())
    return (id) => publisher.publish(made.channel, { id }, { id })
  }
  return { ...made, servers, streamOptions, journal, connection, publish: publisherOn(connection), publisherOn, open }
}

export interface SubscribeOptions extends Partial<Omit<SubscriberOptions, 'contracts' | 'handlers'>> {
  readonly onEnd: OnEnd
  /** Before the handling is journaled; throws to refuse it. */
  readonly before?: (id: string, context: MessageContext) => Promise<void> | void
}

/** A subscriber in this process that journals what it handles; resolves when it runs. */
export async function subscribe(scene: Scene, connection: Connection, options: SubscribeOptions): Promise<Subscriber> {
  const { onEnd, before, app = 'app', ...rest } = options
  const { journal, contracts, channel } = scene
  const handler = defineHandler(channel, async ({ id }, context) => {
    journal.started(id, app)
    await before?.(id, context)
    journal.handled(id, app)
  })
  const subscriber = createSubscriber(connection, {
    ...QUICK_SUBSCRIBER,
    ...rest,
    app,
    contracts,
    handlers: [handler],
  })
  subscriber.start()
  onEnd(() => subscriber.stop(5_000))
  await waitFor(() => subscriber.checks().every((check) => check.ok), { what: 'the consumer', deadlineMs: 30_000 })
  return subscriber
}

export function managerOf(connection: Connection) {
  return jetstreamManager(connection.client, { checkAPI: false, timeout: 2_000 })
}

/** Waits until the broker has nothing left for the app: nothing to deliver, nothing without an ack. */
export async function drained(scene: Scene, connection: Connection, app = 'app', deadlineMs = 40_000): Promise<void> {
  const manager = await managerOf(connection)
  const isDone = async (): Promise<boolean> => {
    // What is asked of a connection that is away is never answered.
    if (connection.state !== 'connected') return false
    const info = await manager.consumers.info(scene.stream.name, `${app}_${scene.channel.name}`)
    return info.num_pending === 0 && info.num_ack_pending === 0
  }
  await waitFor(isDone, { what: `${app} to catch up`, deadlineMs, everyMs: 50 })
}

/** Messages in the stream. */
export async function stored(scene: Scene, connection: Connection): Promise<number> {
  return (await (await managerOf(connection)).streams.info(scene.stream.name)).state.messages
}

export interface KeptLetter {
  /** The message's id of before. */
  readonly id: string
  readonly reason: string
  readonly deliveries: number
}

/** The dead letters of the scene's stream. */
export async function deadLetters(scene: Scene, connection: Connection): Promise<readonly KeptLetter[]> {
  const manager = await managerOf(connection)
  const name = deadLetterStreamName(scene.stream.name)
  const { state } = await manager.streams.info(name)
  const letters: KeptLetter[] = []
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
    const letter = await manager.streams.getMessage(name, { seq })
    const header = (key: string): string => letter?.header.get(key) ?? ''
    letters.push({
      id: header('Dead-Letter-Original-Nats-Msg-Id'),
      reason: header('Dead-Letter-Reason'),
      deliveries: Number(header('Dead-Letter-Deliveries')),
    })
  }
  return letters
}
