import {
  type Connection,
  createSubscriber,
  DeadLetter,
  defineHandler,
  type MessageContext,
  RetryLater,
  type Subscriber,
} from '../../src/index.ts'
import type { HandlerAction } from './bodies.ts'
import type { ForeignContracts } from './foreign-contracts.ts'

/** A run of the handler. */
export interface Run {
  readonly seq: number
  readonly message: object
  /** The first values of some headers, as the handler is given them. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly isDone: boolean
}

/** An app that is given foreign messages, and remembers what its handler saw. */
export interface ForeignApp {
  readonly name: string
  /** Its consumer on the broker. */
  readonly consumer: string
  readonly connection: Connection
  readonly subscriber: Subscriber
  readonly runs: Run[]
  /** From now on the handler succeeds, whatever a message tells it to do. */
  heal(): void
  /** The message's word counts again. */
  unheal(): void
}

/** Read at each run, before the handler decides: what throws there is thrown by the handler. */
const READ_HEADERS = [
  'trace',
  'Nats-Msg-Id',
  'Request-Id',
  'X-Kind',
  'Contract-Version',
  'Dead-Letter-Reason',
  '__proto__',
]
/** Past every wait of a loaded machine: nothing is delivered twice for its age. */
const ACK_WAIT_MS = 60_000

export function startForeignApp(
  connection: Connection,
  { contracts, channel }: ForeignContracts,
  mode: 'pull' | 'push',
): ForeignApp {
  const runs: Run[] = []
  const isRetried = new Set<number>()
  let isHealed = false
  const handler = defineHandler(channel, async (message, context) => {
    const headers = Object.fromEntries(READ_HEADERS.map((name) => [name, context.header(name)]))
    const first = !isRetried.has(context.seq)
    isRetried.add(context.seq)
    const run = { seq: context.seq, message, headers }
    try {
      act(isHealed ? 'handle' : (message.does ?? 'handle'), first, context)
    } catch (error) {
      runs.push({ ...run, isDone: false })
      throw error
    }
    runs.push({ ...run, isDone: true })
  })
  const name = `foreign-${mode}`
  const subscriber = createSubscriber(connection, {
    contracts,
    app: name,
    handlers: [handler],
    mode,
    maxDeliver: 2,
    ackWaitMs: ACK_WAIT_MS,
    idleHeartbeatMs: 10_000,
    retry: { baseMs: 1, factor: 1, capMs: 5 },
  })
  subscriber.start()
  return {
    name,
    consumer: `${name}_${channel.name}`,
    connection,
    subscriber,
    runs,
    heal: () => (isHealed = true),
    unheal: () => (isHealed = false),
  }
}

function act(action: HandlerAction, isFirst: boolean, context: MessageContext): void {
  if (action === 'throw') throw new Error(`told to fail, ${context.id}`)
  if (action === 'throwOnce' && isFirst) throw new Error('told to fail once')
  if (action === 'retryLater' && isFirst) throw new RetryLater(5, 'told to wait')
  if (action === 'deadLetter') throw new DeadLetter('told to give up')
  // eslint-disable-next-line no-throw-literal -- A handler may throw anything, and this has no text of its own.
  if (action === 'throwOdd') throw Object.create(null)
}
