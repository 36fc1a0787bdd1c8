import { setTimeout as sleep } from 'node:timers/promises'
import { errorText, type HealthCheck, KitError, KitErrorCode, type Logger } from '@alarm-bus/nats-kit'
import type { Database } from '../database/database.ts'
import { migrate, SchemaTooNewError } from '../database/migrate.ts'
import { exercise } from './exercise.ts'
import { StoreUnavailable } from './store-unavailable.ts'

/** The start waits this long for the first look, in milliseconds; an app whose database does not answer is live all the same. */
const FIRST_LOOK_MS = 1_000
/** How often a database that is well is tried, in milliseconds, where no alarm has been stored meanwhile. */
const LOOK_MS = 5_000
/** Between two tries to reach one that is away; doubled each time, up to the cap. */
const FIRST_BACKOFF_MS = 250
const MAX_BACKOFF_MS = 5_000

/**
 * Keeps a database ready for use: brings its tables up to date, and knows whether it is there. One that is away is
 * waited for; meanwhile the check is not well and says why. Whether it is well a write says: of alarms, and of the keeper's
 * own while none comes.
 */
export class DatabaseKeeper {
  readonly #database: Database
  readonly #logger: Logger
  readonly #waiting: () => number
  readonly #stop = new AbortController()
  readonly #failed = Promise.withResolvers<KitError>()
  #isOpen = false
  #trouble: string | undefined = 'not opened yet'
  /** When it was last seen to be well, in milliseconds of `performance.now()`. */
  #wellAt = Number.NEGATIVE_INFINITY
  #loop: Promise<void> = Promise.resolve()

  /** @param waiting alarms that wait to be stored. */
  constructor(database: Database, logger: Logger, waiting: () => number) {
    this.#database = database
    this.#logger = logger
    this.#waiting = waiting
  }

  /** Resolves when waiting cannot help: credentials that are refused, tables of a newer version. */
  get failed(): Promise<KitError> {
    return this.#failed.promise
  }

  /**
   * Tries, and goes on trying in the background when that takes long or fails.
   *
   * @throws Error when waiting cannot help.
   */
  async start(): Promise<void> {
    const first = this.#look()
    this.#loop = first.then(
      () => this.#run(),
      (error: unknown) => this.#fail(error),
    )
    await Promise.race([first, sleep(FIRST_LOOK_MS, undefined, { ref: false })])
  }

  /** @throws StoreUnavailable until it is open. */
  get(): Database {
    if (!this.#isOpen) throw new StoreUnavailable(`the database cannot be used: ${this.#trouble}`)
    return this.#database
  }

  check(): HealthCheck {
    return { name: 'store', ok: this.#trouble === undefined, detail: this.#trouble ?? this.#database.place }
  }

  /** What a write has shown: an error, or that the database works. Said once per change. */
  report(error?: unknown): void {
    const trouble = error === undefined ? undefined : textOf(error)
    const { place } = this.#database
    if (trouble === undefined && this.#trouble !== undefined)
      this.#logger.info({ event: 'storeReady', database: place }, 'the database is ready')
    if (trouble !== undefined && this.#trouble !== trouble)
      this.#logger.error({ event: 'storeNotReady', database: place, error: trouble }, 'the database cannot be used')
    this.#trouble = trouble
    if (trouble === undefined) this.#wellAt = performance.now()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#loop
    await this.#database.close()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    for (let backoffMs = FIRST_BACKOFF_MS; !signal.aborted;) {
      const isWell = this.#trouble === undefined
      backoffMs = isWell ? FIRST_BACKOFF_MS : Math.min(MAX_BACKOFF_MS, backoffMs * 2)
      await sleep(isWell ? LOOK_MS : backoffMs, undefined, { signal, ref: false }).catch(() => undefined)
      if (signal.aborted) return
      try {
        await this.#look()
      } catch (error) {
        return this.#fail(error)
      }
    }
  }

  #fail(cause: unknown): void {
    this.#failed.resolve(
      new KitError(KitErrorCode.Unexpected, `the database cannot be used: ${textOf(cause)}`, { cause }),
    )
  }

  async #look(): Promise<void> {
    try {
      if (!this.#isOpen) await migrate(this.#database)
      else if (this.#trouble === undefined && performance.now() - this.#wellAt < LOOK_MS) return
      await exercise(this.#database.kysely)
      await this.#database.verify()
      const isFirst = !this.#isOpen
      this.#isOpen = true
      // Alarms that wait are tried again all the time: what they meet counts for more than that another write goes through.
      if (isFirst || this.#waiting() === 0) this.report()
    } catch (error) {
      if (!this.#isOpen && (error instanceof SchemaTooNewError || this.#database.isHopeless(error))) throw error
      this.report(error)
    }
  }
}

/** A refused connection to a name with several addresses is an error of errors, without a text of its own. */
function textOf(error: unknown): string {
  return errorText(error instanceof AggregateError && error.message === '' ? error.errors[0] : error)
}
