import { setTimeout as sleep } from 'node:timers/promises'
import { errorText, type Logger } from '@alarm-bus/nats-kit'
import type { Database } from '../database/database.ts'
import type { RecentRows } from '../store/recent-rows.ts'
import { StoreUnavailable } from '../store/store-unavailable.ts'
import { indexBatches, indexUnindexed } from './make-segment.ts'
import { SEGMENT_ROWS } from './postings.ts'

/** How often it looks for something to do, in milliseconds; sooner once this instance has stored a segment's rows. */
const LOOK_MS = 2_000
/** After a failure, in milliseconds. */
const FAILED_MS = 5_000
/** Least pause between two segments, in milliseconds. After one of old rows as long as it took: others have half of the time. */
const PAUSE_MS = 5

/**
 * Indexes what was stored, in the background. New rows wait until a segment is full and are looked at one by one until
 * then; rows of an older version are indexed from the newest on, a segment at a time, going on where it stopped.
 *
 * Of several instances each may try; what a slower one made is dropped.
 */
export class Indexer {
  readonly #database: () => Database
  readonly #recent: RecentRows
  readonly #logger: Logger
  readonly #stop = new AbortController()
  #wake = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  #added = 0

  /** @param database throws while there is none. */
  constructor(database: () => Database, recent: RecentRows, logger: Logger) {
    this.#database = database
    this.#recent = recent
    this.#logger = logger
  }

  start(): void {
    this.#loop = this.#run()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.#wake.abort()
    await this.#loop
  }

  /** This instance has stored so many rows more. */
  added(rows: number): void {
    this.#added += rows
    if (this.#added >= SEGMENT_ROWS) this.#wake.abort()
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#pause(await this.#round())
      if (this.#wake.signal.aborted) this.#wake = new AbortController()
    }
  }

  /** @returns the pause after it, in milliseconds. */
  async #round(): Promise<number> {
    const startedAt = performance.now()
    this.#added = 0
    try {
      const database = this.#database()
      const { signal } = this.#stop
      const hasNew = await indexBatches(database, this.#recent, signal)
      const hasOld = !hasNew && (await indexUnindexed(database, signal, this.#logger))
      if (hasNew) return PAUSE_MS
      return hasOld ? Math.max(PAUSE_MS, performance.now() - startedAt) : LOOK_MS
    } catch (error) {
      // Whether the database is well is the keeper's to say.
      if (!(error instanceof StoreUnavailable) && !this.#stop.signal.aborted)
        this.#logger.warn({ event: 'indexFailed', error: errorText(error) }, 'logs could not be indexed')
      return error instanceof StoreUnavailable ? LOOK_MS : FAILED_MS
    }
  }

  async #pause(pauseMs: number): Promise<void> {
    const signal = pauseMs === LOOK_MS ? AbortSignal.any([this.#stop.signal, this.#wake.signal]) : this.#stop.signal
    await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined)
  }
}
