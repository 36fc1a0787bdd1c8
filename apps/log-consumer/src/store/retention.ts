import { setTimeout as sleep } from 'node:timers/promises'
import { errorText, type Logger } from '@alarm-bus/nats-kit'
import type { Database } from '../database/database.ts'
import { removeOldBatches, removeOldSegments } from '../index/remove-old.ts'
import { newestOf, removeOldest, usageOf } from './remove-oldest.ts'
import { StoreUnavailable } from './store-unavailable.ts'

/** How much is kept. Past either limit the oldest goes. */
export interface Limits {
  /** By the broker's time of each alarm, in milliseconds; counted from the clock or from the newest log, whichever is earlier. */
  readonly maxAgeMs: number
  /** Of all rows with their index, in bytes. */
  readonly maxBytes: number
}

/** Between two rounds, in milliseconds. */
const EVERY_MS = 30_000
/** Rows of one transaction: a save that comes meanwhile waits for milliseconds. */
const STEP_ROWS = 1_000
/** Between two transactions, in milliseconds: others have their turn. */
const PAUSE_MS = 5

/** Removes what is too old or too much, while the app serves. */
export class Retention {
  readonly #database: () => Database
  readonly #limits: Limits
  readonly #logger: Logger
  readonly #stop = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  #isHeld = false

  /** @param database throws while there is none; then the round is left out. */
  constructor(database: () => Database, limits: Limits, logger: Logger) {
    this.#database = database
    this.#limits = limits
    this.#logger = logger
  }

  start(): void {
    this.#loop = this.#run()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    for (; !signal.aborted; await sleep(EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined)) {
      try {
        await this.round()
      } catch (error) {
        // Whether the database is there is the keeper's to say.
        if (error instanceof StoreUnavailable) continue
        this.#logger.warn({ event: 'retentionFailed', error: errorText(error) }, 'old logs could not be removed')
      }
    }
  }

  /** Once through both limits. */
  async round(): Promise<void> {
    const database = this.#database()
    const { maxAgeMs, maxBytes } = this.#limits
    await removeOldBatches(database.kysely)
    const beforeMs = await this.#cutOf(database, maxAgeMs)
    const byAge = await this.#removeWhile(database, () => removeOldest(database.kysely, { rows: STEP_ROWS, beforeMs }))
    const bySize = await this.#removeWhile(database, async () => {
      const { bytes, entries } = await usageOf(database.kysely)
      if (bytes <= maxBytes || entries === 0) return 0
      const rows = Math.ceil((bytes - maxBytes) / (bytes / entries))
      return removeOldest(database.kysely, { rows: Math.min(STEP_ROWS, rows) })
    })
    if (byAge + bySize === 0) return
    this.#logger.info({ event: 'logsRemoved', byAge, bySize, ...this.#limits }, 'the oldest logs were removed')
    await database.reclaim()
  }

  /**
   * What is older is too old. A clock that is ahead would remove everything, so it has a second witness: the newest log, whose
   * time is the broker's. Nothing is too old that is not so beside what came last.
   */
  async #cutOf({ kysely }: Database, maxAgeMs: number): Promise<number> {
    const now = Date.now()
    const newest = await newestOf(kysely)
    // What comes from here on may be old, and the newest all the same.
    if (newest === undefined) return 0
    const latest = Math.min(now, newest)
    const isHeld = latest < now - maxAgeMs
    if (isHeld && !this.#isHeld) {
      this.#logger.warn(
        { event: 'retentionHeld', aheadMs: now - latest, newest: new Date(latest).toISOString() },
        'by the clock every log is too old: none has come for long, or the clock is ahead; age counts from the newest log',
      )
    }
    this.#isHeld = isHeld
    return latest - maxAgeMs
  }

  async #removeWhile({ kysely }: Database, step: () => Promise<number>): Promise<number> {
    let sum = 0
    while (!this.#stop.signal.aborted) {
      const removed = await step()
      if (removed === 0) break
      sum += removed
      // Its size counts too: else more rows would go in its place.
      await removeOldSegments(kysely)
      await sleep(PAUSE_MS)
    }
    return sum
  }
}
