import { type Msg, nuid } from '@nats-io/transport-node'
import { EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import type { SizedText } from '../codec/sized-text.ts'
import type { Connection } from '../connection/connection.ts'
import { Inbox } from '../connection/inbox.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { ConnectionState } from '../events.ts'
import { isTransient, JetStreamCode } from '../jetstream-codes.ts'
import { BatchHeader } from './batch-headers.ts'
import { answeredByAnother, isStored, type PubAck, readAck, rejection } from './classify.ts'
import { indexedError } from './indexed-error.ts'
import type { Route } from './message-route.ts'

export interface Batch {
  readonly route: Route
  readonly messages: readonly { readonly id: string; readonly payload: SizedText }[]
  readonly sharedLines: string
  /** The kit made the ids, so no message of another call can have them. */
  readonly ownIds: boolean
}

/** How one attempt ended that was not refused for good. */
export type Outcome =
  | { readonly kind: 'stored'; readonly lastSeq: number }
  /** The broker holds one of the ids already, at least. */
  | { readonly kind: 'known' }
  /** Nothing is known, or not now. */
  | Trouble

export interface Trouble {
  readonly kind: 'trouble'
  readonly text: string
  readonly brokerCode?: number
  /** The connection was lost. */
  readonly lost?: boolean
  /** No attempt was made, so nothing of it can be stored. */
  readonly unsent?: boolean
  /** Nothing came from a broker that is connected. */
  readonly unanswered?: boolean
}

interface Attempt {
  readonly route: Route
  readonly batchId: string
  readonly settle: (outcome: Outcome | KitError) => void
}

const NO_RESPONDERS = 503

/**
 * Sends atomic batches and hears what becomes of them. A batch goes out in one go, and only its last message has a
 * reply: the broker answers the others with nothing but their number.
 */
export class BatchInbox {
  readonly #connection: Connection
  readonly #inbox: Inbox
  readonly #attempts = new Map<string, Attempt>()

  constructor(connection: Connection) {
    this.#connection = connection
    this.#inbox = new Inbox(connection, {
      kind: 'batch',
      tokens: '*.*',
      onMessage: (message) => this.#onReply(message),
    })
    connection.events.on('connectionStateChanged', this.#onState)
    connection.events.on('errorOccurred', this.#onBrokerError)
  }

  close(): void {
    this.#connection.events.off('connectionStateChanged', this.#onState)
    this.#connection.events.off('errorOccurred', this.#onBrokerError)
    this.#inbox.close()
  }

  get inbox(): Inbox {
    return this.#inbox
  }

  /**
   * One attempt, under a batch id of its own: the broker may still hold what came of an earlier one. `explain` asks for
   * an answer to each message, which is the only way to hear why a batch is incomplete.
   *
   * @throws KitError when another attempt would end the same.
   */
  async attempt(batch: Batch, options: { readonly explain: boolean; readonly timeoutMs: number }): Promise<Outcome> {
    const { route, messages } = batch
    const { client, frames } = this.#connection
    refuseTooLarge(batch, client.info?.max_payload ?? Number.MAX_SAFE_INTEGER)
    const batchId = nuid.next()
    if (!this.#inbox.open()) {
      return { kind: 'trouble', text: this.#inbox.refusal ?? 'the connection was lost', unsent: true }
    }
    const token = nuid.next()
    const noAck = `no ack within ${Math.round(options.timeoutMs)} ms`
    const late = (): Outcome => ({
      kind: 'trouble',
      text: this.#inbox.refusal ?? noAck,
      unanswered: this.#inbox.refusal === undefined,
    })
    let timer: NodeJS.Timeout | undefined
    try {
      const outcome = await new Promise<Outcome | KitError>((resolve) => {
        timer = setTimeout(() => resolve(late()), options.timeoutMs)
        this.#attempts.set(token, { route, batchId, settle: resolve })
        for (const [i, { payload }] of messages.entries()) {
          const hears = options.explain || i === messages.length - 1
          const reply = hears ? `${this.#inbox.prefix}${token}.${i}` : ''
          // Encoded here, while the broker is busy with the first ones.
          frames.publish(route.subject, reply, encodeHeaders(batch, batchId, i), payload)
        }
      })
      if (outcome instanceof KitError) throw outcome
      return outcome
    } finally {
      clearTimeout(timer)
      this.#attempts.delete(token)
    }
  }

  #onReply(message: Msg): void {
    const [token = '', index = ''] = message.subject.slice(this.#inbox.prefix.length).split('.')
    const attempt = this.#attempts.get(token)
    // Settled before.
    if (!attempt) return
    const { subject, stream } = attempt.route
    if (message.data.length === 0) {
      // Without a status: the broker has put the message aside for the commit.
      if (message.headers?.code !== NO_RESPONDERS) return
      return attempt.settle({ kind: 'trouble', text: `no stream answered on ${subject}` })
    }
    const ack = readAck(message)
    if (ack?.error) return attempt.settle(afterError(subject, Number(index), ack.error))
    if (ack === undefined || !isStored(ack))
      return attempt.settle({ kind: 'trouble', text: answeredByAnother(subject) })
    if (ack.batch === attempt.batchId) return attempt.settle({ kind: 'stored', lastSeq: ack.seq ?? 0 })
    const why = `the broker of stream ${stream} does not know atomic batches`
    attempt.settle(new KitError(KitErrorCode.BatchesDisabled, why))
  }

  readonly #onState = ({ state }: { readonly state: ConnectionState }): void => {
    if (state === 'connected') return
    for (const { settle } of this.#attempts.values()) {
      settle({ kind: 'trouble', text: 'the connection was lost', lost: true })
    }
  }

  /** The broker answers a forbidden publish with an error that names the subject, and never with an ack. */
  readonly #onBrokerError = (event: { readonly operation?: string; readonly subject?: string }): void => {
    if (event.operation !== 'publish') return
    for (const { route, settle } of this.#attempts.values()) {
      if (route.subject !== event.subject) continue
      settle(new KitError(KitErrorCode.PermissionDenied, `this app's user may not publish on ${route.subject}`))
    }
  }
}

/** Bytes that the batch's own header lines take, at most. */
const BATCH_LINES_BYTES = 256
/** Bytes of a character in UTF-8, at most. */
const CHARACTER_BYTES = 3

/** @throws KitError `message_too_large`, before anything was sent. */
function refuseTooLarge(batch: Batch, maxPayload: number): void {
  const { messages, route, sharedLines } = batch
  const maxBytes = Math.min(maxPayload, route.maxMessageBytes)
  const sharedBytes = CHARACTER_BYTES * (route.streamLine.length + sharedLines.length) + BATCH_LINES_BYTES
  for (const [i, { id, payload }] of messages.entries()) {
    // Counted only where it may matter.
    if (payload.byteLength + CHARACTER_BYTES * id.length + sharedBytes <= maxBytes) continue
    const bytes = payload.byteLength + encodeHeaders(batch, nuid.next(), i).byteLength
    if (bytes <= maxBytes) continue
    const why = `${bytes} bytes with its headers, ${maxBytes} are allowed on ${route.subject}`
    throw indexedError(new KitError(KitErrorCode.MessageTooLarge, why), i)
  }
}

function encodeHeaders({ messages, route, sharedLines }: Batch, batchId: string, index: number): EncodedHeaders {
  return new EncodedHeaders(
    headerLine(BatchHeader.Id, batchId) +
      headerLine(BatchHeader.Sequence, index + 1) +
      (index === messages.length - 1 ? headerLine(BatchHeader.Commit, 1) : '') +
      // The others could not join the batch in another stream, and each header costs the broker time.
      (index === 0 ? route.streamLine : '') +
      headerLine(HeaderName.MessageId, messages[index]?.id ?? '') +
      sharedLines,
  )
}

function afterError(subject: string, index: number, error: NonNullable<PubAck['error']>): Outcome | KitError {
  const brokerCode = error.err_code ?? 0
  if (brokerCode === JetStreamCode.BatchHasKnownId) return { kind: 'known' }
  if (brokerCode === JetStreamCode.BatchIncomplete || isTransient(error)) {
    return { kind: 'trouble', text: error.description ?? 'the broker said “not now”', brokerCode }
  }
  return indexedError(rejection(subject, error), index)
}
