import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '../connection/connection.ts'
import { positive } from '../checked-options.ts'
import { untilConnected } from '../connection/connection-change.ts'
import type { Inbox } from '../connection/inbox.ts'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { type Batch, BatchInbox, type Trouble } from './batch-inbox.ts'
import { findBatch } from './batch-probe.ts'
import type { StoreOutcomes } from './publisher-health.ts'

export interface BatchSenderOptions {
  /** Messages of all batches together that may wait for an ack. */
  readonly maxMessages: number
  readonly attemptTimeoutMs: number
}

export interface StoredBatch {
  readonly lastSeq: number
  /** The broker held the messages under these ids already, from an earlier attempt or an earlier call. */
  readonly known: boolean
  readonly attempts: number
}

const FIRST_RETRY_MS = 50
const MAX_RETRY_MS = 1_000

/**
 * Sends batches that a stream stores as a whole or not at all. A batch without an answer is sent again as a whole; its
 * message ids make the broker refuse it where an earlier attempt was stored, and then it is asked where that is.
 */
export class BatchSender {
  readonly #connection: Connection
  readonly #options: BatchSenderOptions
  readonly #outcomes: StoreOutcomes
  readonly #inbox: BatchInbox
  #messages = 0
  #closed = false
  /** Who waits for the last batch. */
  #waiting: (() => void)[] = []

  /** @throws KitError `invalid_options`; nothing is subscribed before the first batch. */
  constructor(connection: Connection, options: BatchSenderOptions, outcomes: StoreOutcomes) {
    positive('maxMessagesInBatches', options.maxMessages)
    this.#connection = connection
    this.#options = options
    this.#outcomes = outcomes
    this.#inbox = new BatchInbox(connection)
  }

  get inbox(): Inbox {
    return this.#inbox.inbox
  }

  /** Sends until stored, or until `endsAt`, milliseconds of `performance.now()`. */
  async send(batch: Batch, endsAt: number): Promise<StoredBatch> {
    if (this.#closed) throw new KitError(KitErrorCode.Closed, 'the publisher is closed; nothing was sent')
    const { maxMessages } = this.#options
    if (this.#messages + batch.messages.length > maxMessages) {
      throw new KitError(
        KitErrorCode.TooManyInFlight,
        `${this.#messages} messages of batches wait for the broker's ack and ${maxMessages} may; try again later`,
      )
    }
    this.#messages += batch.messages.length
    try {
      return await this.#untilStored(batch, endsAt)
    } finally {
      this.#messages -= batch.messages.length
      if (this.#messages === 0) for (const resume of this.#waiting.splice(0)) resume()
    }
  }

  /** Refuses new batches and waits for those in flight, each within its budget. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#messages > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#inbox.close()
  }

  async #untilStored(batch: Batch, giveUpAt: number): Promise<StoredBatch> {
    const left = (): number => giveUpAt - performance.now()
    const [startedAt, storedBefore] = [performance.now(), this.#outcomes.storedCount]
    let trouble: Trouble = { kind: 'trouble', text: 'the broker is away', unsent: true }
    let attempts = 0
    let mayBeStored = false
    let explain = false
    while (left() > 0 && (await untilConnected(this.#connection, left()))) {
      attempts++
      const timeoutMs = Math.max(1, Math.min(left(), this.#options.attemptTimeoutMs))
      explain ||= trouble.brokerCode === JetStreamCode.BatchIncomplete
      const outcome = await this.#inbox.attempt(batch, { explain, timeoutMs })
      if (outcome.kind === 'stored') {
        this.#outcomes.stored()
        return { lastSeq: outcome.lastSeq, known: false, attempts }
      }
      const next = outcome.kind === 'known' ? await this.#find(batch, left()) : outcome
      if (typeof next === 'number') return { lastSeq: next, known: true, attempts }
      trouble = next
      mayBeStored ||= outcome.kind === 'known' || (trouble.brokerCode === undefined && !trouble.unsent)
      // A lost connection is waited for instead.
      if (trouble.lost) continue
      const pauseMs = backoffMs(attempts)
      // An attempt without time to be answered would only make it unknown whether it was stored.
      if (2 * pauseMs >= left()) break
      await sleep(pauseMs)
    }
    const { text: why, unanswered = false } = trouble
    this.#outcomes.failed({ startedAt, storedBefore, why, unanswered })
    throw gaveUp(batch, attempts, trouble, mayBeStored)
  }

  /**
   * The last sequence of a batch of which the broker holds an id.
   *
   * @throws KitError `batch_conflict` when it does not hold the batch as a whole.
   */
  async #find(batch: Batch, leftMs: number): Promise<number | Trouble> {
    const found = await findBatch(this.#connection, batch, Math.min(leftMs, this.#options.attemptTimeoutMs)).catch(
      errorText,
    )
    if (typeof found === 'string') return { kind: 'trouble', text: found }
    if (found.whole) return found.lastSeq
    const count = batch.messages.length
    const why =
      found.known === count
        ? 'its ids are stored already, but not in one row'
        : `${found.known} of its ${count} ids are stored already`
    throw new KitError(KitErrorCode.BatchConflict, `nothing of the batch was stored: ${why}`, {
      brokerCode: JetStreamCode.BatchHasKnownId,
    })
  }
}

function backoffMs(attempts: number): number {
  return Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 10)) * (0.5 + Math.random() / 2)
}

function gaveUp({ route }: Batch, attempts: number, { text, brokerCode }: Trouble, mayBeStored: boolean): KitError {
  const isCrowded = brokerCode === JetStreamCode.TooManyBatches && !mayBeStored
  return new KitError(
    isCrowded ? KitErrorCode.TooManyBatches : KitErrorCode.BrokerUnavailable,
    `the batch on ${route.subject} was not acknowledged within its time and ${attempts} attempts: ${text}; ` +
      (mayBeStored ? 'it may have been stored, so try again with the same ids' : 'nothing of it was stored'),
    brokerCode === undefined ? {} : { brokerCode },
  )
}
