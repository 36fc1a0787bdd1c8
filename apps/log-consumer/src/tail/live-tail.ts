import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Database } from '../database/database.ts'
import type { LogRow } from '../database/tables.ts'
import { batchesAfter, stateOf } from '../index/log-index.ts'
import { type LogKey, nameOf } from '../store/log-row.ts'
import { StoreUnavailable } from '../store/store-unavailable.ts'
import type { RecentRows } from '../store/recent-rows.ts'

/** How often it looks for what other instances have stored, in milliseconds, while there are readers. */
const LOOK_MS = 250

/** What one transaction has added, in its order. A row that is gone since is undefined. */
export interface TailBatch {
  readonly no: number
  readonly rows: readonly (LogRow | undefined)[]
}

/**
 * Batches as they are committed, by this instance and by others, for many readers at once: what this one has stored last is
 * in memory, the rest is read once for all who wait for it. Batches are committed in the order of their numbers, so whoever
 * has come to one misses none before it.
 */
export class LiveTail {
  readonly #database: () => Database
  readonly #recent: RecentRows
  readonly #reads = new Map<number, Promise<TailBatch | undefined>>()
  #last = 0
  #changed = Promise.withResolvers<void>()
  #waiting = 0
  #isLooking = false

  /** @param database throws while there is none. */
  constructor(database: () => Database, recent: RecentRows) {
    this.#database = database
    this.#recent = recent
  }

  /** This instance has committed the batch. */
  added(no: number): void {
    if (no <= this.#last) return
    this.#last = no
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  /**
   * The last batch, and the first that is kept.
   *
   * @throws StoreUnavailable
   */
  async range(): Promise<{ readonly first: number; readonly last: number }> {
    try {
      return await this.#range()
    } catch (cause) {
      throw new StoreUnavailable('the database does not say what is stored last', { cause })
    }
  }

  async #range(): Promise<{ readonly first: number; readonly last: number }> {
    const { kysely } = this.#database()
    const { lastBatch } = await stateOf(kysely)
    const { first } = await kysely
      .selectFrom('log_batches')
      .select(({ fn }) => fn.min('no').as('first'))
      .executeTakeFirstOrThrow()
    this.added(lastBatch)
    return { first: first === null ? lastBatch + 1 : Number(first), last: lastBatch }
  }

  /** Resolves when there is a batch with this number, or after so many milliseconds, or when the signal aborts. */
  async waitFor(no: number, waitMs: number, signal: AbortSignal): Promise<void> {
    const endsAt = performance.now() + waitMs
    const isOver = new AbortController()
    const late = sleep(waitMs, undefined, { signal: AbortSignal.any([signal, isOver.signal]), ref: false })
    const timeout = late.catch(() => undefined)
    this.#waiting++
    void this.#look()
    try {
      while (this.#last < no && performance.now() < endsAt && !signal.aborted)
        await Promise.race([this.#changed.promise, timeout])
    } finally {
      this.#waiting--
      isOver.abort()
    }
  }

  /** Whether the batch was committed already. */
  hasSeen(no: number): boolean {
    return no <= this.#last
  }

  /** The batch with this number; undefined when there is none. */
  read(no: number): Promise<TailBatch | undefined> {
    const rows = this.#recent.get(no)
    if (rows) return Promise.resolve({ no, rows })
    const read = this.#reads.get(no) ?? this.#readBatch(no).finally(() => this.#reads.delete(no))
    this.#reads.set(no, read)
    return read
  }

  async #readBatch(no: number): Promise<TailBatch | undefined> {
    const { kysely, picked } = this.#database()
    const [batch] = await batchesAfter(kysely, no - 1, 1)
    if (batch?.no !== no) return undefined
    const { rows } = await sql<LogRow>`select logs.* from ${picked(batch.keys)}`.execute(kysely)
    const found = new Map(rows.map((row) => [nameOf(row), row]))
    return { no, rows: batch.keys.map((key: LogKey) => found.get(nameOf(key))) }
  }

  /** One look after the other, for as long as a reader waits. */
  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    while (this.#waiting > 0) {
      try {
        this.added((await stateOf(this.#database().kysely)).lastBatch)
      } catch {
        // Whether the database is well is the keeper's to say.
      }
      await sleep(LOOK_MS, undefined, { ref: false })
    }
    this.#isLooking = false
  }
}
