import { setTimeout as sleep } from 'node:timers/promises'
import { JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { unanswered } from '../streams/unanswered.ts'
import { incarnationOf } from '../streams/incarnation.ts'

/** A stream that is gone for longer is not being migrated. */
const MISSING_MS = 30_000
const TIMEOUT_MS = 5_000
const FIRST_WAIT_MS = 50
const MAX_WAIT_MS = 1_000

/** What the stream's leader says of it. */
export interface StreamLook {
  readonly firstSeq: number
  /** Of the message that was stored last, whichever channel it is of. */
  readonly lastSeq: number
  readonly incarnation: string
  readonly allowsDirect: boolean
  /** The broker's clock, in milliseconds of the Unix epoch. */
  readonly nowMs: number
}

/** A message's place. */
export interface StoredPlace {
  readonly seq: number
  readonly storedAt: Date
}

/**
 * Asks a stream's leader, and waits for one as long as it takes: for the broker, for a connection, for an election. A
 * stream that stays away for 30 s is missing.
 *
 * All methods throw KitError `aborted`, `closed`, `permission_denied`, `stream_missing`.
 */
export class StreamLooks {
  readonly #connection: Connection
  readonly #stream: string
  readonly #signal: AbortSignal
  #manager: JetStreamManager | undefined
  #isStalled = false
  #missingAt: number | undefined

  constructor(connection: Connection, stream: string, signal: AbortSignal) {
    this.#connection = connection
    this.#stream = stream
    this.#signal = signal
  }

  look(): Promise<StreamLook> {
    return this.#answered(async (manager) => {
      const info = await manager.streams.info(this.#stream)
      // The server sends its time, which the client's type does not have.
      const { ts } = info as unknown as { readonly ts?: string }
      return {
        firstSeq: info.state.first_seq,
        lastSeq: info.state.last_seq,
        incarnation: incarnationOf(info),
        allowsDirect: info.config.allow_direct === true,
        nowMs: ts === undefined ? Number.NEGATIVE_INFINITY : Date.parse(ts),
      }
    })
  }

  /** The first message on the subject from `seq` on; without `seq` the subject's last one. */
  find(subject: string, seq: number | undefined): Promise<StoredPlace | undefined> {
    // The server knows this query, the client's types do not.
    const query = seq === undefined ? { last_by_subj: subject } : { seq, ...{ next_by_subj: subject } }
    return this.#answered(async (manager) => {
      const stored = await manager.streams.getMessage(this.#stream, query)
      return stored ? { seq: stored.seq, storedAt: stored.time } : undefined
    })
  }

  /** @throws KitError `aborted`, `closed`. */
  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#signal }).catch(() => undefined)
    this.#assertGoingOn()
  }

  /** The stream answers again, or does not any more; said once each. */
  stalled(why: string | undefined): void {
    const isStalled = why !== undefined
    if (isStalled === this.#isStalled) return
    this.#isStalled = isStalled
    const { logger } = this.#connection
    if (isStalled)
      logger.warn({ event: 'readStalled', stream: this.#stream, error: why }, 'reading waits for the stream to answer')
    else logger.info({ event: 'readResumed', stream: this.#stream }, 'the stream answers; reading resumes')
  }

  async #answered<T>(ask: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(MAX_WAIT_MS, 2 * waitMs)) {
      this.#assertGoingOn()
      try {
        if (this.#connection.state === 'connected') {
          const answer = await ask(await this.#opened())
          this.#missingAt = undefined
          this.stalled(undefined)
          return answer
        }
        this.stalled('not connected')
      } catch (error) {
        this.#failed(error)
      }
      await this.pause(waitMs)
    }
  }

  #failed(error: unknown): void {
    if (error instanceof JetStreamApiError && error.code === JetStreamCode.StreamNotFound) {
      this.#missingAt ??= performance.now()
      if (performance.now() - this.#missingAt > MISSING_MS) {
        throw new KitError(KitErrorCode.StreamMissing, `stream ${this.#stream} is not on the broker`, { cause: error })
      }
    } else {
      const failure = unanswered(`stream ${this.#stream} cannot be read`, error)
      if (failure.code === KitErrorCode.PermissionDenied) throw failure
    }
    this.stalled(errorText(error))
  }

  async #opened(): Promise<JetStreamManager> {
    return (this.#manager ??= await jetstreamManager(this.#connection.client, { checkAPI: false, timeout: TIMEOUT_MS }))
  }

  #assertGoingOn(): void {
    if (this.#signal.aborted) {
      throw new KitError(KitErrorCode.Aborted, `reading ${this.#stream} was ended by its signal`, {
        cause: this.#signal.reason,
      })
    }
    if (this.#connection.state === 'closed')
      throw new KitError(KitErrorCode.Closed, `the connection is closed; reading ${this.#stream} ends`)
  }
}
