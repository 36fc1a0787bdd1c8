import type { Msg } from '@nats-io/transport-node'
import { firstValue, type HeaderBlock, readHeaderBlock } from '../codec/header-block.ts'
import { copiedMessage, headerBytesOf, replyBytesOf } from '../codec/received.ts'
import { HeaderName } from '../codec/headers.ts'
import type { Logger } from '../logger.ts'
import type { MessageContext } from './handler.ts'

const ABORTED = AbortSignal.abort()
/** Few handlers hold something for their message: a field would cost every one of them. */
const onTakenBack = new WeakMap<Envelope, () => void>()

/** What all deliveries of a consumer have in common: told once, not kept by each. */
export type EnvelopeScope = Pick<MessageContext, 'channel' | 'logger'>

/** What few handlers ask for, and few deliveries have: made when it is needed. */
interface Details {
  /** Of the latest delivery, when the broker delivered the message again meanwhile. */
  reply: Uint8Array | undefined
  /** Of the ack subject. */
  tokens: string[] | undefined
  headers: HeaderBlock | undefined
  reruns: number
}

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 }

/** As the server reads it: whole seconds, or a duration such as `1h30m`. Undefined for `never`, and for what is neither. */
function timeToLiveMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d+$/.test(text)) return Number(text) * 1_000
  if (!/^(\d+(\.\d+)?(ms|h|m|s))+$/.test(text)) return undefined
  let totalMs = 0
  for (const [, amount, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)) {
    totalMs += Number(amount) * (UNIT_MS[unit] ?? 0)
  }
  return totalMs
}

/** How often a dead letter's message was redriven, and what it was before: part of the letter of a redriven message. */
export interface Redriven {
  readonly count: number
  readonly stream: string
  readonly seq: number
  readonly storedNanos: string
}

/**
 * One delivery of one message, and the only place that reads what others wrote. No getter throws: what cannot be read is
 * an empty or undefined value. Read lazily, since most handlers ask for little. The metadata is in the reply subject,
 * the ack subject.
 */
export class Envelope implements MessageContext {
  readonly #message: Msg
  readonly #scope: EnvelopeScope
  #details: Details | undefined
  /** Made when it is asked for; `'aborted'` when the end came before. */
  #abort: AbortController | 'aborted' | undefined

  constructor(message: Msg, scope: EnvelopeScope) {
    this.#message = message
    this.#scope = scope
  }

  /** Where the verdict is sent: of the latest delivery, when the broker delivered the message again meanwhile. */
  get reply(): Uint8Array {
    return this.#details?.reply ?? replyBytesOf(this.#message)
  }

  /** Takes the ack subject of a later delivery of the same message: only the latest one's verdict counts. */
  redelivered(later: Envelope): void {
    const details = this.#detailed()
    details.reply = Buffer.from(later.reply)
    details.tokens = undefined
  }

  /** How often the message was handled here before, without another delivery. */
  get reruns(): number {
    return this.#details?.reruns ?? 0
  }

  set reruns(count: number) {
    if (count > 0 || this.#details) this.#detailed().reruns = count
  }

  get channel(): string {
    return this.#scope.channel
  }

  get logger(): Logger {
    return this.#scope.logger
  }

  get subject(): string {
    return this.#message.subject
  }

  get stream(): string {
    return this.token(0)
  }

  get consumer(): string {
    return this.token(1)
  }

  /** As the broker counts. */
  get brokerDeliveries(): number {
    return Number(this.token(2))
  }

  get deliveryCount(): number {
    return this.brokerDeliveries + this.reruns
  }

  get seq(): number {
    return Number(this.token(3))
  }

  /** Where the delivered message is in its own stream; of a redriven one, the copy. */
  get streamSeq(): number {
    return Number(this.token(3))
  }

  /** Tells this message from every other that the consumer is given, whatever was made anew meanwhile. */
  get key(): string {
    return `${this.token(3)}.${this.token(5)}`
  }

  /** When the broker stored the message, in nanoseconds of the Unix epoch, all digits. */
  get storedNanos(): string {
    return this.token(5)
  }

  get storedAt(): Date {
    return new Date(Number(this.storedNanos) / 1e6)
  }

  /** What its dead letter is called after, besides its sequence. */
  get letterNanos(): string {
    return this.token(5)
  }

  /** Undefined for a message that came by its channel. */
  get redriven(): Redriven | undefined {
    return undefined
  }

  get id(): string | undefined {
    return this.header(HeaderName.MessageId)
  }

  /**
   * Milliseconds until the message leaves its stream, by the stream's age limit or its own time to live.
   *
   * @param nowMs of the Unix epoch.
   */
  leavesInMs(maxAgeMs: number, nowMs: number): number {
    const limitMs = timeToLiveMs(this.header(HeaderName.Ttl)) ?? Number.POSITIVE_INFINITY
    return Math.min(maxAgeMs, limitMs) - (nowMs - Number(this.storedNanos) / 1e6)
  }

  /** The body, as it came. */
  get data(): Uint8Array {
    return this.#message.data
  }

  /** The publisher's header block, as it came; undefined where there was none. */
  get headerBytes(): Uint8Array | undefined {
    return headerBytesOf(this.#message)
  }

  get headers(): HeaderBlock {
    return (this.#detailed().headers ??= readHeaderBlock(this.headerBytes))
  }

  header(name: string): string | undefined {
    return firstValue(this.headers, name)
  }

  get signal(): AbortSignal {
    if (this.#abort === 'aborted') return ABORTED
    this.#abort ??= new AbortController()
    return this.#abort.signal
  }

  get isAborted(): boolean {
    return this.#abort === 'aborted' || this.#abort?.signal.aborted === true
  }

  onTakenBack(listener: () => void): void {
    const before = onTakenBack.get(this)
    const both = (): void => {
      before?.()
      listener()
    }
    onTakenBack.set(this, before ? both : listener)
  }

  /** The message is no longer its handler's. */
  takeBack(): void {
    onTakenBack.get(this)?.()
  }

  /** Tells the handler to stop; one that never asked for its signal has none made. */
  abort(reason: Error): void {
    if (this.#abort === undefined) this.#abort = 'aborted'
    else if (this.#abort !== 'aborted') this.#abort.abort(reason)
  }

  /** The same delivery on bytes of its own: the client's are a part of all that came with them. */
  copy(): Msg {
    return copiedMessage(this.#message, this.reply)
  }

  protected token(index: number): string {
    const details = this.#detailed()
    if (!details.tokens) {
      const tokens = Buffer.from(this.reply).toString().split('.')
      details.tokens = tokens.slice(tokens.length >= 11 ? 4 : 2)
    }
    return details.tokens[index] ?? ''
  }

  #detailed(): Details {
    return (this.#details ??= { reply: undefined, tokens: undefined, headers: undefined, reruns: 0 })
  }
}
