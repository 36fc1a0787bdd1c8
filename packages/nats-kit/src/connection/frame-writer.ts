import { ClosedConnectionError, type NatsConnection } from '@nats-io/transport-node'
import type { SizedText } from '../codec/sized-text.ts'
import { KitError, KitErrorCode } from '../errors.ts'

/** Where the client's own `publish` ends: takes whole frames for the socket. Public in its class, absent from its type. */
interface Protocol {
  sendCommand(frames: string): void
  /** What `stats()` of the client tells. */
  outMsgs: number
  outBytes: number
}

const ACK_BYTES = 4

/** Characters after which a batch is handed over within a turn, so that the socket is busy while the turn goes on. */
const MAX_BATCH_CHARACTERS = 32 * 1024

/**
 * Publishes text, all that is sent in one turn of the event loop in one piece. The client's `publish` makes three buffers
 * and several arrays for a message; here a message is a part of one string that is encoded once.
 *
 * - Ordering: frames are sent in the order of the calls. What goes through the client itself in the same turn is sent
 *   before them, so whoever flushes the client calls `flush` first.
 * - Subjects are taken as they are, and the caller looks at the connection's state: what is written while it is down is
 *   lost, as it is with the client.
 */
export class FrameWriter {
  readonly #client: NatsConnection
  readonly #protocol: Protocol
  #batch = ''

  /** @throws KitError `unexpected` with a client that has no such method, so that an update of it cannot go unnoticed. */
  constructor(client: NatsConnection) {
    const { protocol } = client as unknown as { readonly protocol?: Partial<Protocol> }
    if (typeof protocol?.sendCommand !== 'function') {
      throw new KitError(KitErrorCode.Unexpected, 'this version of the NATS client cannot be given whole frames')
    }
    this.#client = client
    this.#protocol = protocol as Protocol
  }

  /** A message with headers and a reply subject. @throws ClosedConnectionError. */
  publish(subject: string, reply: string, headers: SizedText, payload: SizedText): void {
    const byteLength = headers.byteLength + payload.byteLength
    this.#write(
      `HPUB ${subject} ${reply} ${headers.byteLength} ${byteLength}\r\n${headers.text}${payload.text}\r\n`,
      byteLength,
    )
  }

  /** A positive ack, which is most of what a consumer sends. @throws ClosedConnectionError. */
  ack(reply: string): void {
    this.#write(`PUB ${reply} ${ACK_BYTES}\r\n+ACK\r\n`, ACK_BYTES)
  }

  /** Hands over what this turn has written so far. */
  readonly flush = (): void => {
    if (this.#batch === '') return
    const batch = this.#batch
    this.#batch = ''
    this.#protocol.sendCommand(batch)
  }

  #write(frame: string, byteLength: number): void {
    if (this.#client.isClosed()) throw new ClosedConnectionError()
    this.#protocol.outMsgs++
    this.#protocol.outBytes += byteLength
    if (this.#batch === '') queueMicrotask(this.flush)
    this.#batch += frame
    if (this.#batch.length >= MAX_BATCH_CHARACTERS) this.flush()
  }
}
