import type { Connection } from '../connection/connection.ts'
import type { ConnectionState } from '../events.ts'
import type { HealthCheck } from '../health.ts'

/** A message that could not be stored, by no fault of its own. */
export interface StoreFailure {
  /** When it was asked for, and when it was given up or refused; milliseconds of `performance.now()`. */
  readonly startedAt: number
  /** What `storedCount` was when it was asked for. */
  readonly storedBefore: number
  readonly why: string
  /** Nothing came from a broker that is connected. */
  readonly unanswered?: boolean
}

/** Who is told what became of messages. */
export interface StoreOutcomes {
  readonly storedCount: number
  stored(): void
  failed(failure: StoreFailure): void
}

/**
 * Without a message to try it with for so long, a publisher is called ready again: whoever sends messages to ready
 * instances alone would never let it find out. The next one that fails makes it not ready at once.
 */
const TRIED_AGAIN_AFTER_MS = 30_000
/** A broker in these states answers everything but publishes. */
const SILENT_BROKER =
  'the broker answers no publish: it has no quorum, or its disk is or was full; after a full disk it has to be ' +
  'restarted once there is room, and its /healthz says so'

/**
 * Whether a publisher can store. It learns that from what is asked of it and sends no message of its own: not well is
 * one of whose messages none was stored for `unstoredMs`, from the first that failed; well again with the next that is.
 */
export class PublisherHealth implements StoreOutcomes {
  readonly #connection: Connection
  readonly #unstoredMs: number
  readonly #inboxes: () => readonly { readonly refusal: string | undefined }[]
  storedCount = 0
  /** The first failure since something was stored. */
  #since: number | undefined
  #failedAt = 0
  #connectedAt = 0
  #why = ''
  #isWell = true

  constructor(
    connection: Connection,
    unstoredMs: number,
    inboxes: () => readonly { readonly refusal: string | undefined }[],
  ) {
    this.#connection = connection
    this.#unstoredMs = unstoredMs
    this.#inboxes = inboxes
    connection.events.on('connectionStateChanged', this.#onState)
  }

  close(): void {
    this.#connection.events.off('connectionStateChanged', this.#onState)
  }

  stored(): void {
    this.storedCount++
    if (this.#since !== undefined) this.#forget()
  }

  failed({ startedAt, storedBefore, why, unanswered }: StoreFailure): void {
    this.#connection.events.emit('publishFailed', { error: why })
    // What was stored meanwhile shows that it can, and of a lost connection its own check tells.
    if (storedBefore !== this.storedCount || this.#connection.state !== 'connected') return
    this.#since ??= Math.max(startedAt, this.#connectedAt)
    this.#failedAt = performance.now()
    this.#why = unanswered ? `${why}; ${SILENT_BROKER}` : why
    if (!this.#isWell || this.#failedAt - this.#since < this.#unstoredMs) return
    this.#isWell = false
    this.#connection.logger.error({ event: 'publisherNotReady', why: this.#why }, this.#detail(this.#since))
  }

  check(): HealthCheck {
    const name = 'publisher'
    const refusal = this.#inboxes().find((inbox) => inbox.refusal !== undefined)?.refusal
    if (refusal !== undefined) return { name, ok: false, detail: refusal }
    if (this.#isWell || this.#since === undefined) return { name, ok: true, detail: 'stores what is asked' }
    const detail = this.#detail(this.#since)
    if (performance.now() - this.#failedAt < TRIED_AGAIN_AFTER_MS) return { name, ok: false, detail }
    return { name, ok: true, warning: true, detail: `${detail}; nothing was asked lately, so the next message tells` }
  }

  #detail(since: number): string {
    return `nothing was stored since ${new Date(performance.timeOrigin + since).toISOString()}: ${this.#why}`
  }

  #forget(): void {
    this.#since = undefined
    if (this.#isWell) return
    this.#isWell = true
    this.#connection.logger.info({ event: 'publisherReady' }, 'the publisher stores again')
  }

  /** What failed on an earlier connection says nothing of this one. */
  readonly #onState = ({ state }: { readonly state: ConnectionState }): void => {
    if (state !== 'connected') return
    this.#connectedAt = performance.now()
    this.#since = undefined
    this.#isWell = true
  }
}
