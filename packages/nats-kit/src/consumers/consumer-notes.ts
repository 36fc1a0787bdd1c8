import { type ConsumerInfo, jetstreamManager } from '@nats-io/jetstream'
import { nuid } from '@nats-io/transport-node'
import type { Connection } from '../connection/connection.ts'
import type { TrialNotes } from '../handling/trials.ts'
import { changeMetadata, type Metadata } from '../watchdog/consumer-metadata.ts'
import { readUnrun, writeUnrun } from './unrun-note.ts'

/** The keys in a consumer's metadata: runs of messages that may end the process; deliveries that never ran. */
const TRIALS_KEY = 'alarm-bus.trials'
const UNRUN_KEY = 'alarm-bus.unrun'
/** Messages whose runs are noted, and runs that this process remembers to have ended; the oldest makes space. */
const MAX_TRIALS_NOTED = 32
const MAX_ENDED = 1_000

/** The runs of each message that began and have not ended, each by a name of its own. */
type Trials = Map<string, readonly string[]>

/**
 * What outlives a process, in the metadata of its consumer: the app may write it with the right that makes the consumer.
 * An instance that writes at the same time may bring a run back that has ended; who began it knows better.
 */
export class ConsumerNotes implements TrialNotes {
  readonly #connection: Connection
  readonly #stream: string
  readonly #consumer: string
  readonly #ended = new Set<string>()

  constructor(connection: Connection, stream: string, consumer: string) {
    this.#connection = connection
    this.#stream = stream
    this.#consumer = consumer
  }

  async begin(key: string): Promise<number> {
    const run = nuid.next()
    let runs: readonly string[] = []
    await this.#change(
      ({ config }) => {
        const noted = readTrials(config.metadata)
        runs = [...(noted.get(key) ?? []).filter((each) => !this.#ended.has(each)), run]
        noted.delete(key)
        noted.set(key, runs)
        return { [TRIALS_KEY]: trialsText(noted) }
      },
      (metadata) => readTrials(metadata).get(key)?.includes(run) === true,
    )
    return runs.length
  }

  async end(key: string): Promise<void> {
    await this.#change(
      ({ config }) => {
        const noted = readTrials(config.metadata)
        for (const run of noted.get(key) ?? []) this.#ended.add(run)
        for (const oldest of this.#ended) if (this.#ended.size > MAX_ENDED) this.#ended.delete(oldest)
        return noted.delete(key) ? { [TRIALS_KEY]: trialsText(noted) } : undefined
      },
      (metadata) => !readTrials(metadata).has(key),
    )
  }

  /**
   * Adds what this process knows; what was settled meanwhile goes.
   *
   * @returns how many messages found no space.
   */
  async noteUnrun(counts: ReadonlyMap<number, number>): Promise<number> {
    let left = 0
    await this.#change(({ config, ack_floor }) => {
      const noted = new Map([...readUnrun(config.metadata?.[UNRUN_KEY]), ...counts])
      for (const seq of noted.keys()) if (seq <= ack_floor.stream_seq) noted.delete(seq)
      const { text, dropped } = writeUnrun(noted)
      left = dropped
      return text === (config.metadata?.[UNRUN_KEY] ?? '') ? undefined : { [UNRUN_KEY]: text }
    })
    return left
  }

  async #change(
    change: (info: ConsumerInfo) => Metadata | undefined,
    isKept?: (metadata: Metadata) => boolean,
  ): Promise<void> {
    const manager = await jetstreamManager(this.#connection.client, { checkAPI: false, timeout: 5_000 })
    await changeMetadata(manager, this.#stream, this.#consumer, change, isKept)
  }
}

/** What an earlier process noted of deliveries that never ran. */
export function unrunNote({ config }: ConsumerInfo): ReadonlyMap<number, number> {
  return readUnrun(config.metadata?.[UNRUN_KEY])
}

function trialsText(noted: Trials): string {
  return JSON.stringify([...noted].slice(-MAX_TRIALS_NOTED))
}

function readTrials(metadata: Metadata | undefined): Trials {
  try {
    const entries = JSON.parse(metadata?.[TRIALS_KEY] ?? '[]') as readonly (readonly [unknown, unknown])[]
    return new Map(entries.filter((entry): entry is readonly [string, readonly string[]] => isTrial(entry)))
  } catch {
    return new Map()
  }
}

function isTrial([key, runs]: readonly [unknown, unknown]): boolean {
  return typeof key === 'string' && Array.isArray(runs) && runs.every((run) => typeof run === 'string')
}
