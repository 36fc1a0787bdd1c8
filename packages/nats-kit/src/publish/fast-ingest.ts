import { type Msg, nuid, type Subscription } from '@nats-io/transport-node'
import type { SizedText } from '../codec/sized-text.ts'
import type { Connection } from '../connection/connection.ts'
import { guarded } from '../connection/guarded.ts'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import type { ConnectionState } from '../events.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { answeredByAnother, isStored, type PubAck, readAck, rejection } from './classify.ts'

export interface FastIngestOptions {
  readonly subject: string
  /** Messages that may wait for the broker's word. */
  readonly maxInFlight: number
  /** How long the broker may say nothing, in milliseconds. */
  readonly silenceMs: number
  /** Called once, when it ends before anybody asked for the end. */
  readonly onFailure: (error: KitError) => void
}

/** How far it came. `confirmed` of the first messages are stored; without a failure that is all of them. */
export interface IngestEnd {
  readonly confirmed: number
  /** Sequence of the last message that was stored anew; 0 if none was or nobody knows. */
  readonly lastSeq: number
  readonly failure: KitError | undefined
}

/** What the broker says on the way: how far it is and how often it will say so, or what it misses. */
interface FlowWord extends PubAck {
  readonly type?: 'ack' | 'gap' | 'err'
  readonly msgs?: number
}

/** The operation of a message, next to the last token of its reply subject. */
const Op = { Start: 0, Append: 1, EndOfBatch: 3, Ping: 4 } as const
/** The server says how far it is every so many messages, at most: what it grants a single publisher. */
const MAX_ACK_INTERVAL = 500
/** While one interval is being confirmed the next one is filled. */
const INTERVALS_IN_FLIGHT = 2
/** The broker forgets a batch that is quiet for 10 s. */
const MAX_PING_MS = 2_000
const NO_RESPONDERS = 503
/** After these the broker has no such batch, so there is nothing to close: disabled, unknown, too many under way. */
const GONE: ReadonlySet<number> = new Set([
  JetStreamCode.IngestDisabled,
  JetStreamCode.IngestUnknown,
  JetStreamCode.TooManyIngests,
])

/**
 * One batch of the server's fast ingest (ADR-50) on one subject: numbered messages, any gap ends it, and the server
 * paces the sender by how often it confirms. Confirmations are sent once and may be lost, so it is asked regularly.
 */
export class FastIngest {
  readonly #connection: Connection
  readonly #options: FastIngestOptions
  readonly #subscription: Subscription
  readonly #replyHead: string
  readonly #ticker: NodeJS.Timeout
  #sent = 0
  #confirmed = 0
  /** One message until the broker has granted more. */
  #window = 1
  #silentTicks = 0
  /** What came in place of the broker's words. */
  #silence: string | undefined
  #isEnding = false
  #failure: KitError | undefined
  #end: IngestEnd | undefined
  #waiting: (() => void)[] = []

  /** The connection must be up. */
  constructor(connection: Connection, options: FastIngestOptions) {
    this.#connection = connection
    this.#options = options
    const inbox = `${connection.inboxPrefix}.ingest.${nuid.next()}`
    const ackInterval = Math.max(1, Math.min(MAX_ACK_INTERVAL, Math.floor(options.maxInFlight / INTERVALS_IN_FLIGHT)))
    this.#replyHead = `${inbox}.${ackInterval}.fail.`
    const take = guarded(connection, { inbox }, (message) => this.#onWord(message))
    this.#subscription = connection.client.subscribe(`${inbox}.>`, {
      callback: (error, message) => {
        if (error) this.#fail(unavailable(`the broker refuses the inbox of its answers: ${errorText(error)}`), true)
        else take(message)
      },
    })
    this.#ticker = setInterval(this.#tick, this.#tickMs)
    connection.events.on('connectionStateChanged', this.#onState)
    connection.events.on('errorOccurred', this.#onBrokerError)
  }

  get hasRoom(): boolean {
    return this.#sent - this.#confirmed < this.#window && !this.#isEnding
  }

  /** Resolves when there is room, or never will be. */
  async room(): Promise<void> {
    while (!this.hasRoom && !this.#isEnding) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Only while there is room. */
  send(headers: SizedText, payload: SizedText): void {
    const seq = ++this.#sent
    const reply = this.#reply(seq, seq === 1 ? Op.Start : Op.Append)
    this.#connection.frames.publish(this.#options.subject, reply, headers, payload)
  }

  /** Ends it and waits for the broker's last word. Resolves also where that does not come. */
  async finish(): Promise<IngestEnd> {
    this.#close()
    while (!this.#end) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.#end
  }

  get #tickMs(): number {
    return Math.min(MAX_PING_MS, this.#options.silenceMs / 3)
  }

  #reply(seq: number, op: number): string {
    return `${this.#replyHead}${seq}.${op}.$FI`
  }

  /** A word to the broker without a message, after the messages that were sent. */
  #say(seq: number, op: number): void {
    const { client, frames } = this.#connection
    frames.flush()
    client.publish(this.#options.subject, undefined, { reply: this.#reply(seq, op) })
  }

  /** Tells the broker that nothing more comes: its answer counts what it has. */
  #close(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#silentTicks = 0
    if (this.#sent === 0) this.#ended(0)
    else this.#say(this.#sent + 1, Op.EndOfBatch)
    this.#wake()
  }

  /** Remembers the first reason. The broker can still say what it has, unless the batch is `gone`. */
  #fail(error: KitError, gone: boolean): void {
    if (this.#end) return
    const isFirst = this.#failure === undefined
    this.#failure ??= error
    if (gone) this.#ended(0)
    else this.#close()
    if (isFirst) this.#options.onFailure(error)
  }

  #ended(lastSeq: number): void {
    if (this.#end) return
    this.#isEnding = true
    this.#end = { confirmed: this.#confirmed, lastSeq, failure: this.#failure }
    clearInterval(this.#ticker)
    this.#connection.events.off('connectionStateChanged', this.#onState)
    this.#connection.events.off('errorOccurred', this.#onBrokerError)
    if (!this.#subscription.isClosed()) this.#subscription.unsubscribe()
    this.#wake()
  }

  #onWord(message: Msg): void {
    if (this.#end) return
    const { subject } = this.#options
    if (message.data.length === 0) {
      if (message.headers?.code === NO_RESPONDERS) this.#fail(unavailable(`no stream answered on ${subject}`), true)
      else this.#silence = answeredByAnother(subject)
      return
    }
    const word = readAck<FlowWord>(message)
    if (word === undefined || !isWord(word)) {
      this.#silence = answeredByAnother(subject)
      return
    }
    this.#silentTicks = 0
    if (word.error) {
      const brokerCode = word.error.err_code ?? 0
      const isGivenUp = brokerCode === JetStreamCode.IngestUnknown
      const gaveUp = `the broker gave the stream of messages on ${subject} up`
      return this.#fail(isGivenUp ? unavailable(gaveUp) : rejection(subject, word.error), GONE.has(brokerCode))
    }
    if (word.type === 'gap') return this.#fail(unavailable(`messages on ${subject} were lost on the way`), false)
    if (word.batch !== undefined) return this.#onLastWord(word)
    if (word.msgs === undefined) {
      const why = `the broker of ${subject} does not know fast ingest`
      return this.#fail(new KitError(KitErrorCode.BatchesDisabled, why), true)
    }
    this.#window = Math.min(this.#options.maxInFlight, word.msgs * INTERVALS_IN_FLIGHT)
    this.#confirmed = Math.max(this.#confirmed, word.seq ?? 0)
    if (this.hasRoom) this.#wake()
  }

  #onLastWord({ count = 0, seq = 0 }: FlowWord): void {
    this.#confirmed = count
    const isEarly = !this.#isEnding || count < this.#sent
    if (isEarly && !this.#failure) {
      const failure = unavailable(
        `the broker ended it on ${this.#options.subject} after ${count} of ${this.#sent} messages`,
      )
      this.#failure = failure
      this.#ended(seq)
      return this.#options.onFailure(failure)
    }
    this.#ended(seq)
  }

  /** A ping keeps a quiet batch alive and brings back a confirmation that was lost. */
  readonly #tick = (): void => {
    if (this.#sent === 0) return
    if (++this.#silentTicks * this.#tickMs > this.#options.silenceMs) {
      const { silenceMs } = this.#options
      return this.#fail(unavailable(this.#silence ?? `the broker said nothing for ${silenceMs} ms`), true)
    }
    if (!this.#isEnding) this.#say(this.#sent, Op.Ping)
  }

  readonly #onState = ({ state }: { readonly state: ConnectionState }): void => {
    // The batch may go on at the broker, but what was on its way is lost, and the confirmations with it.
    if (state !== 'connected') this.#fail(unavailable('the connection was lost'), true)
  }

  /** The broker answers a forbidden publish with an error that names the subject, and nothing else. */
  readonly #onBrokerError = (event: { readonly operation?: string; readonly subject?: string }): void => {
    const { subject } = this.#options
    if (event.operation !== 'publish' || event.subject !== subject) return
    this.#fail(new KitError(KitErrorCode.PermissionDenied, `this app's user may not publish on ${subject}`), true)
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }
}

/** The broker's own, or another version's ack of a single message. */
function isWord(word: FlowWord): boolean {
  const { error, type, msgs, batch, count } = word
  if (error || type === 'gap') return true
  return batch === undefined ? Number.isSafeInteger(msgs) || isStored(word) : Number.isSafeInteger(count)
}

function unavailable(why: string): KitError {
  return new KitError(KitErrorCode.BrokerUnavailable, why)
}
