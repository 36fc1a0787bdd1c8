import { nuid } from '@nats-io/transport-node'
import type { Connection } from '../connection/connection.ts'
import type { TrialNotes } from '../handling/trials.ts'
import { changeNotesOf, type NotedConsumer, type Notes } from './note-record.ts'
import { readUnrun, writeUnrun } from './unrun-note.ts'

/** The keys in a consumer's notes: runs of messages that may end the process; deliveries that never ran. */
const TRIALS_KEY = 'alarm-bus.trials'
const UNRUN_KEY = 'alarm-bus.unrun'
/** Messages whose runs are noted, and runs that this process remembers to have ended; the oldest makes space. */
const MAX_TRIALS_NOTED = 32
const MAX_ENDED = 1_000

/** The runs of each message that began and have not ended, each by a name of its own. */
type Trials = Map<string, readonly string[]>

/**
 * What outlives a process, in the notes of its consumer. An instance that died in the middle may leave a run behind that
 * has ended; who began it knows better.
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
    await this.#change(({ notes }) => {
      const noted = readTrials(notes)
      runs = [...(noted.get(key) ?? []).filter((each) => !this.#ended.has(each)), run]
      noted.delete(key)
      noted.set(key, runs)
      return { [TRIALS_KEY]: trialsText(noted) }
    })
    return runs.length
  }

  async end(key: string): Promise<void> {
    await this.#change(({ notes }) => {
      const noted = readTrials(notes)
      for (const run of noted.get(key) ?? []) this.#ended.add(run)
      for (const oldest of this.#ended) if (this.#ended.size > MAX_ENDED) this.#ended.delete(oldest)
      return noted.delete(key) ? { [TRIALS_KEY]: trialsText(noted) } : undefined
    })
  }

  /**
   * Adds what this process knows; what was settled meanwhile goes.
   *
   * @returns how many messages found no space.
   */
  async noteUnrun(counts: ReadonlyMap<number, number>): Promise<number> {
    let left = 0
    await this.#change(({ notes, ack_floor }) => {
      const noted = new Map([...readUnrun(notes[UNRUN_KEY]), ...counts])
      for (const seq of noted.keys()) if (seq <= ack_floor.stream_seq) noted.delete(seq)
      const { text, dropped } = writeUnrun(noted)
      left = dropped
      return text === (notes[UNRUN_KEY] ?? '') ? undefined : { [UNRUN_KEY]: text }
    })
    return left
  }

  async #change(change: (info: NotedConsumer) => Notes | undefined): Promise<void> {
    await changeNotesOf(this.#connection, { stream: this.#stream, consumer: this.#consumer }, change)
  }
}

/** What an earlier process noted of deliveries that never ran. */
export function unrunNote({ notes }: NotedConsumer): ReadonlyMap<number, number> {
  return readUnrun(notes[UNRUN_KEY])
}

function trialsText(noted: Trials): string {
  return JSON.stringify([...noted].slice(-MAX_TRIALS_NOTED))
}

function readTrials(notes: Notes): Trials {
  try {
    const entries = JSON.parse(notes[TRIALS_KEY] ?? '[]') as readonly (readonly [unknown, unknown])[]
    return new Map(entries.filter((entry): entry is readonly [string, readonly string[]] => isTrial(entry)))
  } catch {
    return new Map()
  }
}

function isTrial([key, runs]: readonly [unknown, unknown]): boolean {
  return typeof key === 'string' && Array.isArray(runs) && runs.every((run) => typeof run === 'string')
}
