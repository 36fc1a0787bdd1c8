import type { Channel, InvalidMessage, MessageOf } from '@alarm-bus/contracts'
import type { Msg } from '@nats-io/transport-node'
import { firstValue, type HeaderBlock, readHeaderBlock } from '../codec/header-block.ts'
import { HeaderName } from '../codec/headers.ts'
import { decodeMessage } from '../codec/json-codec.ts'
import { copiedMessage, headerBytesOf } from '../codec/received.ts'
import type { Logger } from '../logger.ts'
import type { ListenerContext } from './listener.ts'

/** One message that came, and the only reader of what others wrote into it. */
export class HeardMessage implements ListenerContext {
  readonly channel: string
  readonly subject: string
  readonly logger: Logger
  /** Headers included. */
  readonly byteLength: number
  /** When its handler began, of `performance.now()`. */
  beganAt = 0
  /** Its place was given to another. */
  isGivenUp = false
  readonly #abort = new AbortController()
  readonly #message: Msg
  #headers: HeaderBlock | undefined

  /** On bytes of its own: the client's are a part of all that came with them, and this one may wait. */
  constructor(message: Msg, channel: Channel, logger: Logger) {
    this.#message = copiedMessage(message, NO_REPLY)
    this.subject = message.subject
    this.channel = channel.name
    this.logger = logger
    this.byteLength = this.#message.data.length + (headerBytesOf(this.#message)?.length ?? 0)
  }

  get id(): string | undefined {
    return this.header(HeaderName.MessageId)
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  header(name: string): string | undefined {
    this.#headers ??= readHeaderBlock(headerBytesOf(this.#message))
    return firstValue(this.#headers, name)
  }

  /** May throw, as a schema's own function may. */
  decode<C extends Channel>(channel: C): MessageOf<C> | InvalidMessage {
    return decodeMessage(channel, this.#message.data)
  }

  abort(why: string): void {
    this.#abort.abort(new Error(why))
  }
}

const NO_REPLY = new Uint8Array()
