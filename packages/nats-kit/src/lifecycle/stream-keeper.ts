import type { Stream } from '@alarm-bus/contracts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { KitEventMap } from '../events.ts'
import type { HealthCheck } from '../health.ts'
import { ensureStreams, type EnsureStreamsOptions } from '../streams/ensure-streams.ts'

/** How often streams are looked at, in milliseconds, each ±20 %. */
export interface StreamLooks {
  /** While all is well and no one asks. Default 30,000. */
  readonly everyMs: number
  /** After a look that found trouble or changed something; doubled each time. Default 1,000. */
  readonly retryMs: number
  /** What it is doubled up to. Default 5,000. */
  readonly maxRetryMs: number
}

/** A migration that holds up publishers for longer is trouble: the run that does it may have been killed. */
const MIGRATION_MS = 60_000

const LOOKS: StreamLooks = { everyMs: 30_000, retryMs: 1_000, maxRetryMs: 5_000 }

/**
 * Brings the streams about, or checks them, and goes on looking: a stream that is deleted or changed while the app
 * runs makes it not ready. In mode `apply` a deleted stream is made again.
 *
 * A look is one request a stream and companion, so while all is well it looks seldom. It looks at once when it is
 * connected again, when one of its consumers is gone, when no stream answers a publish or one fails, when a consumer's
 * look finds a stream edited, and at `lookNow`.
 */
export class StreamKeeper {
  readonly #connection: Connection
  readonly #streams: readonly Stream[]
  readonly #options: EnsureStreamsOptions
  readonly #looks: StreamLooks
  readonly #stopSignal = new AbortController()
  #trouble: string | undefined = 'not looked at yet'
  /** Since when a stream lacks something because it is migrated, and what the last look said of it. */
  #migrating: { readonly since: number; readonly detail: string } | undefined
  /** Whether the last look changed a stream. Another app that wrote at the same moment may have overwritten it. */
  #hasChanged = false
  /** Looks in a row that did not wait for `everyMs`. */
  #hurried = 0
  #isAsked = false
  /** Whether the wait that is under way may end before its time. */
  #isIdle = false
  #wake: (() => void) | undefined
  #loop: Promise<void> = Promise.resolve()

  constructor(
    connection: Connection,
    streams: readonly Stream[],
    options: EnsureStreamsOptions,
    looks: Partial<StreamLooks> = {},
  ) {
    this.#connection = connection
    this.#streams = streams
    this.#options = options
    this.#looks = { ...LOOKS, ...looks }
  }

  start(): void {
    const { events } = this.#connection
    events.on('connectionStateChanged', this.#onConnection)
    events.on('consumerStateChanged', this.#onConsumer)
    events.on('noStreamAnswered', this.#onTrouble)
    events.on('publishFailed', this.#onTrouble)
    events.on('streamEdited', this.#onTrouble)
    this.#loop = this.#run()
  }

  /**
   * To be called by what notices that a stream may be gone. Looks at once, or after the wait that looks in a row keep
   * between them, so it may be called for every message that fails.
   */
  lookNow(): void {
    this.#isAsked = true
    if (this.#isIdle) this.#wake?.()
  }

  check(): HealthCheck {
    const name = `streams:${this.#streams.map((stream) => stream.name).join(',')}`
    return { name, ok: this.#trouble === undefined, detail: this.#trouble ?? this.#migrating?.detail ?? 'as declared' }
  }

  async stop(): Promise<void> {
    const { events } = this.#connection
    events.off('connectionStateChanged', this.#onConnection)
    events.off('consumerStateChanged', this.#onConsumer)
    events.off('noStreamAnswered', this.#onTrouble)
    events.off('publishFailed', this.#onTrouble)
    events.off('streamEdited', this.#onTrouble)
    this.#stopSignal.abort()
    await this.#loop
  }

  readonly #onConnection = ({ state }: KitEventMap['connectionStateChanged']): void => {
    if (state !== 'connected') return
    this.#hurried = 0
    this.#isAsked = true
    this.#wake?.()
  }

  readonly #onConsumer = ({ state }: KitEventMap['consumerStateChanged']): void => {
    if (state === 'recovering') this.lookNow()
  }

  readonly #onTrouble = (): void => this.lookNow()

  async #run(): Promise<void> {
    const signal = this.#stopSignal.signal
    while (!signal.aborted && this.#connection.state !== 'closed') {
      this.#isAsked = false
      if (this.#connection.state === 'connected') await this.#look()
      const { everyMs, retryMs, maxRetryMs } = this.#looks
      const gapMs = Math.min(maxRetryMs, retryMs * 2 ** Math.min(this.#hurried++, 16))
      await this.#sleep(gapMs)
      if (this.#trouble !== undefined || this.#migrating || this.#hasChanged || this.#isAsked) continue
      this.#isIdle = true
      if (await this.#sleep(everyMs - gapMs)) this.#hurried = 0
      this.#isIdle = false
    }
  }

  /** @returns whether the time was up: a stop ends it, and a reconnect, and while it is idle `lookNow`. */
  async #sleep(ms: number): Promise<boolean> {
    const { signal } = this.#stopSignal
    if (signal.aborted) return false
    return new Promise((resolve) => {
      const end = (isUp: boolean): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', wake)
        this.#wake = undefined
        resolve(isUp)
      }
      const wake = (): void => end(false)
      const timer = setTimeout(() => end(true), Math.max(0, ms) * (0.8 + Math.random() * 0.4)).unref()
      signal.addEventListener('abort', wake)
      this.#wake = wake
    })
  }

  async #look(): Promise<void> {
    try {
      const plans = await ensureStreams(this.#connection, this.#streams, this.#options)
      this.#hasChanged = plans.some(({ action }) => action !== 'none')
      if (this.#trouble !== undefined)
        this.#connection.logger.info({ event: 'streamsReady' }, 'streams are as declared')
      this.#trouble = undefined
      this.#migrating = undefined
    } catch (error) {
      const failure = KitError.from(error)
      if (this.#isMigration(failure)) return
      // Said once, not every time it is found again.
      if (failure.message !== this.#trouble && !this.#stopSignal.signal.aborted) {
        this.#connection.logger.error(
          { event: 'streamsNotReady', code: failure.code, error: failure.message },
          'streams are not as declared',
        )
      }
      this.#trouble = failure.message
    }
  }

  /**
   * While a stream is migrated publishers try again, so an app that was well stays so; to take all instances out of service
   * at once would be an outage. In the middle of it the stream is not there for a moment.
   */
  #isMigration({ code, message }: KitError): boolean {
    const isPart = code === KitErrorCode.StreamMissing && this.#migrating !== undefined
    if ((code !== KitErrorCode.StreamMigrating && !isPart) || this.#trouble !== undefined) return false
    const { since } = this.#migrating ?? { since: performance.now() }
    if (performance.now() - since > MIGRATION_MS) return false
    if (!this.#migrating)
      this.#connection.logger.warn({ event: 'streamMigrating', detail: message }, 'stream is migrated')
    this.#migrating = { since, detail: message }
    return true
  }
}
