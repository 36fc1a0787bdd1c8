import type { Msg } from '@nats-io/transport-node'
import { HeaderName } from '../codec/headers.ts'
import type { Logger } from '../logger.ts'
import type { MessageContext } from './handler.ts'

/** A JetStream delivery is answered on a subject that begins with this; anything else is a status of the broker's. */
export const ACK_PREFIX = '$JS.ACK.'

const ABORTED = AbortSignal.abort()

/** What all deliveries of a consumer have in common: told once, not kept by each. */
export type DeliveryScope = Pick<MessageContext, 'channel' | 'logger'>

/**
 * One delivery of one message. Its metadata is in the reply subject, which has two shapes:
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<nanos>.<pending>`, and the same with
 * `<domain>.<account>` after `ACK` and one token at the end.
 */
export class Delivery implements MessageContext {
  readonly message: Msg
  readonly #scope: DeliveryScope
  #tokens: string[] | undefined
  /** Made when it is asked for; `'aborted'` when the end came before. */
  #abort: AbortController | 'aborted' | undefined

  constructor(message: Msg, scope: DeliveryScope) {
    this.message = message
    this.#scope = scope
  }

  get reply(): string {
    return this.message.reply ?? ''
  }

  get channel(): string {
    return this.#scope.channel
  }

  get subject(): string {
    return this.message.subject
  }

  get stream(): string {
    return this.#token(0)
  }

  get consumer(): string {
    return this.#token(1)
  }

  get deliveryCount(): number {
    return Number(this.#token(2))
  }

  get seq(): number {
    return Number(this.#token(3))
  }

  get consumerSeq(): number {
    return Number(this.#token(4))
  }

  /** When the broker stored the message, in nanoseconds of the Unix epoch, all digits. */
  get storedNanos(): string {
    return this.#token(5)
  }

  get storedAt(): Date {
    return new Date(Number(this.#token(5)) / 1e6)
  }

  get id(): string | undefined {
    return this.header(HeaderName.MessageId)
  }

  get logger(): Logger {
    return this.#scope.logger
  }

  get signal(): AbortSignal {
    if (this.#abort === 'aborted') return ABORTED
    this.#abort ??= new AbortController()
    return this.#abort.signal
  }

  header(name: string): string | undefined {
    const headers = this.message.headers
    return headers?.has(name) ? headers.get(name) : undefined
  }

  /** Tells the handler to stop; one that never asked for its signal has none made. */
  abort(reason: Error): void {
    if (this.#abort === undefined) this.#abort = 'aborted'
    else if (this.#abort !== 'aborted') this.#abort.abort(reason)
  }

  #token(index: number): string {
    if (!this.#tokens) {
      const tokens = this.reply.split('.')
      this.#tokens = tokens.slice(tokens.length >= 11 ? 4 : 2)
    }
    return this.#tokens[index] ?? ''
  }
}
