import { type Msg, nuid, type Subscription } from '@nats-io/transport-node'
import type { EncodedHeaders } from '../codec/headers.ts'
import type { SizedText } from '../codec/sized-text.ts'
import type { Connection } from '../connection/connection.ts'
import type { KitError } from '../errors.ts'
import type { ConnectionState } from '../events.ts'
import { isWorthRetrying, type PubAck, rejection } from './classify.ts'
import { InFlightTable, type Waiting } from './in-flight-table.ts'
import {
  closedError,
  connectionClosedError,
  notAcknowledged,
  notPermitted,
  payloadTooLarge,
  positive,
  publishError,
  tooManyInFlight,
} from './send-errors.ts'

export interface StoredSenderOptions {
  /** Messages that may wait for an ack at once; one more is refused. Default 1,024. */
  readonly maxInFlight?: number
  /** One attempt, in milliseconds. Default 5,000. */
  readonly attemptTimeoutMs?: number
  /** All attempts of a message together, in milliseconds. Default 15,000: a leader election took 7.5 s. */
  readonly budgetMs?: number
}

/** What the broker said of a stored message, and whether it took more than one attempt to hear it. */
export interface StoredAck {
  readonly stream: string
  readonly seq: number
  readonly duplicate: boolean
  readonly attempts: number
}

interface Pending extends Waiting {
  readonly subject: string
  readonly payload: Uint8Array | SizedText
  readonly headers: EncodedHeaders
  readonly resolve: (ack: StoredAck) => void
  readonly reject: (error: KitError) => void
  readonly startedAt: number
  /** End of the budget, and of the attempt under way; milliseconds of `performance.now()`. */
  readonly giveUpAt: number
  attemptEndsAt: number
  attempts: number
  lastTrouble: string
}

/** First wait before another attempt after the broker said "not now"; doubled each time, up to a second. */
const FIRST_RETRY_MS = 50
const MAX_RETRY_MS = 1_000
/** How often deadlines are looked at. One timer for all messages: a timer each costs more than the message. */
const SWEEP_MS = 100

/**
 * Sends messages that a stream must store and waits for the acks: one wildcard inbox, one table of who waits.
 *
 * While the connection is down messages wait for it; whatever had no ack is sent again, with the same id, when it is
 * back. The broker's duplicate window keeps a message that was stored after all from being stored twice.
 */
export class StoredSender {
  readonly #connection: Connection
  readonly #maxInFlight: number
  readonly #attemptTimeoutMs: number
  readonly #budgetMs: number
  readonly #inbox: string
  readonly #subscription: Subscription
  readonly #pending = new InFlightTable<Pending>()
  #sweeper: NodeJS.Timeout | undefined
  #closed = false
  #idle: (() => void)[] = []

  constructor(connection: Connection, options: StoredSenderOptions = {}) {
    this.#connection = connection
    this.#maxInFlight = positive('maxInFlight', options.maxInFlight ?? 1_024)
    this.#attemptTimeoutMs = positive('attemptTimeoutMs', options.attemptTimeoutMs ?? 5_000)
    this.#budgetMs = positive('budgetMs', options.budgetMs ?? 15_000)
    this.#inbox = `${connection.inboxPrefix}.ack.${nuid.next()}.`
    this.#subscription = connection.client.subscribe(`${this.#inbox}*`, {
      callback: (error, message) => {
        if (!error) this.#onAck(message)
      },
    })
    connection.events.on('connectionStateChanged', this.#onState)
    connection.events.on('errorOccurred', this.#onBrokerError)
  }

  get inFlight(): number {
    return this.#pending.size
  }

  get budgetMs(): number {
    return this.#budgetMs
  }

  /**
   * Sends until stored, for `budgetMs` or the sender's own budget, whichever is shorter.
   *
   * @returns a promise that rejects with KitError `too_many_in_flight`, `message_too_large`, `publish_rejected`,
   * `invalid_ttl`, `permission_denied`, `broker_unavailable` or `closed`.
   */
  send(
    subject: string,
    headers: EncodedHeaders,
    payload: Uint8Array | SizedText,
    budgetMs: number = this.#budgetMs,
  ): Promise<StoredAck> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closedError())
      if (this.#connection.state === 'closed') return reject(connectionClosedError())
      if (this.#pending.size >= this.#maxInFlight) {
        return reject(tooManyInFlight(this.#maxInFlight))
      }
      const now = performance.now()
      const pending: Pending = {
        token: '',
        order: 0,
        subject,
        payload,
        headers,
        resolve,
        reject,
        startedAt: now,
        giveUpAt: now + Math.min(budgetMs, this.#budgetMs),
        attemptEndsAt: 0,
        attempts: 0,
        lastTrouble: 'the broker is away',
      }
      this.#pending.add(pending)
      this.#attempt(pending, now)
      this.#sweeper ??= setInterval(this.#sweep, SWEEP_MS)
    })
  }

  /** Refuses new messages and waits until every one in flight has its ack or its error. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#pending.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
    this.#connection.events.off('connectionStateChanged', this.#onState)
    this.#connection.events.off('errorOccurred', this.#onBrokerError)
    clearInterval(this.#sweeper)
    if (!this.#subscription.isClosed()) this.#subscription.unsubscribe()
  }

  #attempt(pending: Pending, now: number): void {
    pending.attemptEndsAt = now + this.#attemptTimeoutMs
    if (this.#connection.state !== 'connected') return
    pending.attempts++
    try {
      this.#write(pending)
    } catch (error) {
      this.#settle(pending)
      pending.reject(publishError(pending.subject, error))
    }
  }

  /** Text in a batch with others of this turn; bytes, which may be no text, one by one through the client. */
  #write({ subject, token, headers, payload }: Pending): void {
    const { client, frames } = this.#connection
    const reply = this.#inbox + token
    if (payload instanceof Uint8Array) return client.publish(subject, payload, { reply, headers: headers as never })
    if (headers.byteLength + payload.byteLength > (client.info?.max_payload ?? Infinity)) throw payloadTooLarge(subject)
    frames.publish(subject, reply, headers, payload)
  }

  readonly #onAck = (message: Msg): void => {
    const pending = this.#pending.get(message.subject.slice(this.#inbox.length))
    // Settled before: an answer to an earlier attempt.
    if (!pending) return
    if (message.data.length === 0) {
      // No responders: no stream listens, or its leader is being elected.
      return this.#retryLater(pending, `no stream answered on ${pending.subject}`)
    }
    let ack: PubAck
    try {
      ack = message.json<PubAck>()
    } catch {
      ack = { error: { description: 'the answer is not JSON' } }
    }
    if (ack.error) {
      if (isWorthRetrying(ack.error))
        return this.#retryLater(pending, ack.error.description ?? 'the broker said “not now”')
      this.#settle(pending)
      return pending.reject(rejection(pending.subject, ack.error))
    }
    this.#settle(pending)
    pending.resolve({
      stream: ack.stream ?? '',
      seq: ack.seq ?? 0,
      duplicate: ack.duplicate === true,
      attempts: pending.attempts,
    })
  }

  /** Trouble is rare, so each wait has a timer of its own; the message stays in the table and keeps its budget. */
  #retryLater(pending: Pending, trouble: string): void {
    pending.lastTrouble = trouble
    const backoffMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(pending.attempts - 1, 10))
    const retry = setTimeout(
      () => {
        if (this.#pending.has(pending)) this.#attempt(pending, performance.now())
      },
      backoffMs * (0.5 + Math.random() / 2),
    )
    retry.unref()
  }

  readonly #sweep = (): void => {
    const now = performance.now()
    if (this.#pending.size === 0) {
      clearInterval(this.#sweeper)
      this.#sweeper = undefined
      return
    }
    for (const pending of this.#pending.entries()) {
      if (now >= pending.giveUpAt) this.#giveUp(pending)
      else if (now >= pending.attemptEndsAt) {
        if (this.#connection.state === 'connected') pending.lastTrouble = `no ack within ${this.#attemptTimeoutMs} ms`
        this.#attempt(pending, now)
      }
    }
  }

  #giveUp(pending: Pending): void {
    this.#settle(pending)
    const budgetMs = Math.round(pending.giveUpAt - pending.startedAt)
    pending.reject(
      notAcknowledged(pending.subject, `${pending.attempts} attempts in ${budgetMs} ms, ${pending.lastTrouble}`),
    )
  }

  readonly #onState = ({ state }: { readonly state: ConnectionState }): void => {
    if (state === 'closed') {
      for (const pending of this.#pending.entries()) {
        this.#settle(pending)
        pending.reject(notAcknowledged(pending.subject, 'the connection was closed'))
      }
    }
    if (state !== 'connected') {
      for (const pending of this.#pending.entries()) pending.lastTrouble = 'the connection was lost'
      return
    }
    // The client forgot what it had not sent, and the acks of what it had sent are lost.
    const now = performance.now()
    for (const pending of this.#pending.entries()) this.#attempt(pending, now)
  }

  /** The broker answers a forbidden publish with an error that names the subject, and never with an ack. */
  readonly #onBrokerError = ({
    operation,
    subject,
  }: {
    readonly operation?: string
    readonly subject?: string
  }): void => {
    if (operation !== 'publish') return
    for (const pending of this.#pending.entries()) {
      if (pending.subject !== subject) continue
      this.#settle(pending)
      pending.reject(notPermitted(pending.subject))
    }
  }

  #settle(pending: Pending): void {
    this.#pending.delete(pending)
    if (this.#pending.size > 0 || this.#idle.length === 0) return
    for (const done of this.#idle.splice(0)) done()
  }
}
