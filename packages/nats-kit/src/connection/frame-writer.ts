import { ClosedConnectionError, type NatsConnection } from '@nats-io/transport-node'
import type { SizedText } from '../codec/sized-text.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { ACK_BYTES, AckFrames } from './ack-frames.ts'

/** Where the client's own `publish` ends: takes whole frames for the socket. Public in its class, absent from its type. */
interface Protocol {
  sendCommand(frames: string | Uint8Array): void
  /** What `stats()` of the client tells. */
  outMsgs: number
  outBytes: number
}

/** Characters or bytes after which they are handed over within a turn, so that the socket is busy while the turn goes on. */
const MAX_WAITING = 32 * 1024

/**
 * Publishes text, all that is sent in one turn of the event loop in one piece. The client's `publish` makes three buffers
 * and several arrays for a message; here a message is a part of one string that is encoded once.
 *
 * - Messages go out when no promise is left to go on with, so that those of which each waits for the one before share a
 *   piece. Acks, which nobody waits for, go with them, or at the end of the turn: after all that the socket had to read.
 * - Ordering: messages are sent in the order of the calls, and acks after them. What goes through the client itself in
 *   the same turn is sent before them, so whoever needs another order, or flushes the client, calls `flush` first.
 * - Subjects are taken as they are, and the caller looks at the connection's state: what is written while it is down is
 *   lost, as it is with the client.
 */
export class FrameWriter {
  readonly #client: NatsConnection
  readonly #protocol: Protocol
  #messages = ''
  readonly #acks = new AckFrames()

  /** @throws KitError `unexpected` with a client that has no such method, so that an update of it cannot go unnoticed. */
  constructor(client: NatsConnection) {
    const { protocol } = client as unknown as { readonly protocol?: Partial<Protocol> }
    if (typeof protocol?.sendCommand !== 'function') {
      throw new KitError(KitErrorCode.Unexpected, 'this version of the NATS client cannot be given whole frames')
    }
    this.#client = client
    this.#protocol = protocol as Protocol
  }

  /** A message, with or without headers; `reply` is empty where no answer is wanted. @throws ClosedConnectionError. */
  publish(subject: string, reply: string, headers: SizedText | undefined, payload: SizedText): void {
    const byteLength = (headers?.byteLength ?? 0) + payload.byteLength
    this.#count(byteLength)
    if (this.#messages === '') process.nextTick(this.flush)
    const target = reply === '' ? subject : `${subject} ${reply}`
    this.#messages +=
      headers === undefined
        ? `PUB ${target} ${byteLength}\r\n${payload.text}\r\n`
        : `HPUB ${target} ${headers.byteLength} ${byteLength}\r\n${headers.text}${payload.text}\r\n`
    if (this.#messages.length >= MAX_WAITING) this.flush()
  }

  /** A positive ack on this subject, which is most of what a consumer sends. @throws ClosedConnectionError. */
  ack(reply: Uint8Array): void {
    this.#count(ACK_BYTES)
    if (this.#acks.byteLength === 0) setImmediate(this.flush)
    this.#acks.add(reply)
    if (this.#acks.byteLength >= MAX_WAITING) this.flush()
  }

  /** Hands over what was written so far. */
  readonly flush = (): void => {
    const messages = this.#messages
    this.#messages = ''
    if (messages !== '') this.#protocol.sendCommand(messages)
    if (this.#acks.byteLength > 0) this.#protocol.sendCommand(this.#acks.take())
  }

  #count(byteLength: number): void {
    if (this.#client.isClosed()) throw new ClosedConnectionError()
    this.#protocol.outMsgs++
    this.#protocol.outBytes += byteLength
  }
}
