import { type ConsumerInfo, jetstreamManager } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import type { TrialNotes } from '../handling/trials.ts'

/** The keys in a consumer's metadata: runs of messages that may end the process; deliveries that never ran. */
const TRIALS_KEY = 'alarm-bus.trials'
const UNRUN_KEY = 'alarm-bus.unrun'
/** Messages of which something is noted; the oldest note makes space. */
const MAX_TRIALS_NOTED = 32
export const MAX_UNRUN_NOTED = 200

/** A number for each message, by the message's key. */
type Counts = Map<string, number>

/**
 * What outlives a process, in the metadata of its consumer: the app may write it with the right that makes the consumer.
 * Two instances that write at once may lose one's change, so nothing is noted that loses a message when it is gone.
 */
export class ConsumerNotes implements TrialNotes {
  readonly #connection: Connection
  readonly #stream: string
  readonly #consumer: string

  constructor(connection: Connection, stream: string, consumer: string) {
    this.#connection = connection
    this.#stream = stream
    this.#consumer = consumer
  }

  async begin(key: string): Promise<number> {
    let runs = 0
    await this.#change(TRIALS_KEY, MAX_TRIALS_NOTED, (noted) => {
      runs = (noted.get(key) ?? 0) + 1
      noted.delete(key)
      noted.set(key, runs)
    })
    return runs
  }

  async end(key: string): Promise<void> {
    await this.#change(TRIALS_KEY, MAX_TRIALS_NOTED, (noted) => void noted.delete(key))
  }

  /** Adds what this process knows; what was settled meanwhile goes. */
  async noteUnrun(counts: ReadonlyMap<string, number>): Promise<void> {
    await this.#change(UNRUN_KEY, MAX_UNRUN_NOTED, (noted, { ack_floor }) => {
      for (const [key, count] of counts) noted.set(key, count)
      for (const key of noted.keys()) if (Number.parseInt(key, 10) <= ack_floor.stream_seq) noted.delete(key)
    })
  }

  async #change(name: string, limit: number, change: (noted: Counts, info: ConsumerInfo) => void): Promise<void> {
    const manager = await jetstreamManager(this.#connection.client, { checkAPI: false, timeout: 5_000 })
    const info = await manager.consumers.info(this.#stream, this.#consumer)
    const { metadata } = info.config
    const noted = readCounts(metadata?.[name])
    change(noted, info)
    const text = JSON.stringify([...noted].slice(-limit))
    if (text === (metadata?.[name] ?? '[]')) return
    const config = { ...info.config, metadata: { ...metadata, [name]: text } }
    await manager.consumers.update(this.#stream, this.#consumer, config)
  }
}

/** What an earlier process noted of deliveries that never ran. */
export function unrunNote({ config }: ConsumerInfo): ReadonlyMap<string, number> {
  return readCounts(config.metadata?.[UNRUN_KEY])
}

function readCounts(note: string | undefined): Counts {
  try {
    const entries = JSON.parse(note ?? '[]') as readonly (readonly [unknown, unknown])[]
    return new Map(entries.filter((entry): entry is readonly [string, number] => isCount(entry)))
  } catch {
    return new Map()
  }
}

function isCount([key, count]: readonly [unknown, unknown]): boolean {
  return typeof key === 'string' && Number.isSafeInteger(count) && Number(count) > 0
}
