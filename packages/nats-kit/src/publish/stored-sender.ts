import type { Msg } from '@nats-io/transport-node'
import { positive, wholeMs } from '../checked-options.ts'
import type { EncodedHeaders } from '../codec/headers.ts'
import type { SizedText } from '../codec/sized-text.ts'
import type { Connection } from '../connection/connection.ts'
import { Inbox } from '../connection/inbox.ts'
import { KitErrorCode } from '../errors.ts'
import type { ConnectionState } from '../events.ts'
import { isTransient, JetStreamCode } from '../jetstream-codes.ts'
import { answeredByAnother, isStored, readAck, rejection } from './classify.ts'
import { InFlightTable } from './in-flight-table.ts'
import { outOfTime, type PendingMessage, retryWaitMs } from './pending-message.ts'
import type { StoreOutcomes } from './publisher-health.ts'
import {
  closedError,
  connectionClosedError,
  notPermitted,
  payloadTooLarge,
  publishError,
  tooManyInFlight,
} from './send-errors.ts'
import type { StoredAck, StoredSenderOptions } from './stored-ack.ts'

/** How often deadlines are looked at. One timer for all messages: a timer each costs more than the message. */
const SWEEP_MS = 100

export interface SenderOptions extends StoredSenderOptions {
  /** Whether a full stream is an answer, `publish_rejected`, rather than something to wait for. Default false. */
  readonly fullIsFinal?: boolean
}

/**
 * Sends messages that a stream must store and waits for the acks: one wildcard inbox, one table of who waits.
 *
 * Before the first connection, while it is down and while the broker refuses the inbox, messages wait; whatever had no
 * ack is sent again, with the same id, when it is back. The broker's duplicate window keeps a message that was stored after all from being stored twice.
 */
export class StoredSender {
  readonly #connection: Connection
  readonly #maxInFlight: number
  readonly #attemptTimeoutMs: number
  readonly #budgetMs: number
  readonly #fullIsFinal: boolean
  readonly #inbox: Inbox
  readonly #outcomes: StoreOutcomes | undefined
  readonly #pending = new InFlightTable<PendingMessage>()
  #sweeper: NodeJS.Timeout | undefined
  #closed = false
  #idle: (() => void)[] = []

  /**
   * @param outcomes is told of each message that is stored, and of each that could not be by no fault of its own.
   * @throws KitError `invalid_options`; nothing is subscribed before the first message.
   */
  constructor(connection: Connection, options: SenderOptions = {}, outcomes?: StoreOutcomes) {
    this.#connection = connection
    this.#maxInFlight = positive('maxInFlight', options.maxInFlight ?? 1_024)
    this.#attemptTimeoutMs = wholeMs('attemptTimeoutMs', options.attemptTimeoutMs ?? 5_000)
    this.#budgetMs = wholeMs('budgetMs', options.budgetMs ?? 15_000)
    this.#fullIsFinal = options.fullIsFinal ?? false
    this.#outcomes = outcomes
    this.#inbox = new Inbox(connection, {
      kind: 'ack',
      tokens: '*',
      onMessage: (message) => this.#onAck(message),
      onRestored: () => this.#attemptAll(),
    })
    connection.events.on('connectionStateChanged', this.#onState)
    connection.events.on('errorOccurred', this.#onBrokerError)
  }

  get inFlight(): number {
    return this.#pending.size
  }

  get inbox(): Inbox {
    return this.#inbox
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
      const pending: PendingMessage = {
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
        storedBefore: this.#outcomes?.storedCount ?? 0,
        unanswered: false,
        lastTrouble: undefined,
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
    this.#inbox.close()
  }

  #attempt(pending: PendingMessage, now: number): void {
    pending.attemptEndsAt = now + this.#attemptTimeoutMs
    if (this.#connection.state !== 'connected') return
    // Sent without an inbox it would be stored, and nobody would know.
    if (!this.#inbox.open()) return
    pending.attempts++
    try {
      this.#write(pending)
    } catch (error) {
      this.#settle(pending)
      pending.reject(publishError(pending.subject, error))
    }
  }

  /** Text in a batch with others of this turn; bytes, which may be no text, one by one through the client. */
  #write({ subject, token, headers, payload }: PendingMessage): void {
    const { client, frames } = this.#connection
    const reply = this.#inbox.prefix + token
    if (payload instanceof Uint8Array) return client.publish(subject, payload, { reply, headers: headers as never })
    if (headers.byteLength + payload.byteLength > (client.info?.max_payload ?? Infinity)) throw payloadTooLarge(subject)
    frames.publish(subject, reply, headers, payload)
  }

  readonly #onAck = (message: Msg): void => {
    const pending = this.#pending.get(message.subject.slice(this.#inbox.prefix.length))
    // Settled before: an answer to an earlier attempt.
    if (!pending) return
    if (message.data.length === 0) {
      // No responders: no stream listens, or its leader is being elected.
      this.#connection.events.emit('noStreamAnswered', { subject: pending.subject })
      return this.#retryLater(pending, `no stream answered on ${pending.subject}`)
    }
    const ack = readAck(message)
    // A stream that stores it as well answers still, this attempt or the next.
    if (ack === undefined || (!ack.error && !isStored(ack))) {
      return this.#retryLater(pending, answeredByAnother(pending.subject))
    }
    if (ack.error) {
      const isFull = this.#fullIsFinal && ack.error.err_code === JetStreamCode.StreamFull
      if (isTransient(ack.error) && !isFull)
        return this.#retryLater(pending, ack.error.description ?? 'the broker said “not now”')
      this.#settle(pending)
      const refused = rejection(pending.subject, ack.error)
      // The channel allows it, so the stream may have been changed.
      if (refused.code === KitErrorCode.MessageTooLarge)
        this.#connection.events.emit('publishFailed', { error: refused.message })
      const isSubjects = refused.code === KitErrorCode.PublishRejected
      // That another message is the last one is an answer, and no failure to store.
      if (isSubjects && refused.brokerCode !== JetStreamCode.WrongLastSequence) this.#failed(pending, refused.message)
      return pending.reject(refused)
    }
    this.#settle(pending)
    // A duplicate of an earlier call's is answered without anything being stored.
    if (ack.duplicate !== true || pending.attempts > 1) this.#outcomes?.stored()
    pending.resolve({
      stream: ack.stream ?? '',
      seq: ack.seq ?? 0,
      duplicate: ack.duplicate === true,
      attempts: pending.attempts,
    })
  }

  /** Trouble is rare, so each wait has a timer of its own; the message stays in the table and keeps its budget. */
  #retryLater(pending: PendingMessage, trouble: string): void {
    pending.lastTrouble = trouble
    const retry = setTimeout(() => {
      if (this.#pending.has(pending)) this.#attempt(pending, performance.now())
    }, retryWaitMs(pending.attempts))
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
        this.#noteNoAnswer(pending)
        this.#attempt(pending, now)
      }
    }
  }

  /** The attempt under way had no answer. */
  #noteNoAnswer(pending: PendingMessage): void {
    if (this.#connection.state !== 'connected') return
    pending.unanswered = this.#inbox.refusal === undefined
    pending.lastTrouble = this.#inbox.refusal ?? `no ack within ${this.#attemptTimeoutMs} ms`
  }

  #giveUp(pending: PendingMessage): void {
    this.#settle(pending)
    // A budget may end before its first attempt does.
    if (pending.lastTrouble === undefined) this.#noteNoAnswer(pending)
    const error = outOfTime(pending)
    this.#failed(pending, pending.lastTrouble ?? error.message)
    pending.reject(error)
  }

  #failed({ startedAt, storedBefore, unanswered }: PendingMessage, why: string): void {
    this.#outcomes?.failed({ startedAt, storedBefore, why, unanswered })
  }

  readonly #onState = ({ state }: { readonly state: ConnectionState }): void => {
    if (state === 'closed') {
      for (const pending of this.#pending.entries()) {
        this.#settle(pending)
        pending.lastTrouble = 'the connection was closed'
        pending.reject(outOfTime(pending))
      }
    }
    if (state !== 'connected') {
      for (const pending of this.#pending.entries()) pending.lastTrouble = 'the connection was lost'
      return
    }
    // The client forgot what it had not sent, and the acks of what it had sent are lost.
    this.#attemptAll()
  }

  #attemptAll(): void {
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
      const refused = notPermitted(pending.subject)
      this.#failed(pending, refused.message)
      pending.reject(refused)
    }
  }

  #settle(pending: PendingMessage): void {
    this.#pending.delete(pending)
    if (this.#pending.size > 0 || this.#idle.length === 0) return
    for (const done of this.#idle.splice(0)) done()
  }
}
