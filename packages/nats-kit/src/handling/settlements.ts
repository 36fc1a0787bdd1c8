import type { Connection } from '../connection/connection.ts'
import { errorText } from '../errors.ts'

export const ACK = Buffer.from('+ACK')
export const IN_PROGRESS = Buffer.from('+WPI')

/**
 * What is said to the broker about deliveries. The only file that acknowledges.
 *
 * What is said while the connection is down waits for it: the client would drop it, and the message would come again
 * although it was handled. At most one a running message; that one is in progress is not worth keeping.
 */
export class Settlements {
  readonly #connection: Connection
  #unsent: { readonly reply: string; readonly verdict: Uint8Array }[] = []

  constructor(connection: Connection) {
    this.#connection = connection
    connection.events.on('connectionStateChanged', this.#onState)
  }

  send(reply: string, verdict: Uint8Array): void {
    if (this.#connection.state === 'connected') {
      try {
        if (verdict === ACK) return this.#connection.frames.ack(reply)
        return this.#connection.client.publish(reply, verdict)
      } catch (error) {
        // Closed for good: the broker delivers the message again to whoever comes next.
        this.#connection.logger.warn(
          { event: 'settlementLost', reply, error: errorText(error) },
          'message cannot be settled',
        )
      }
    } else if (verdict !== IN_PROGRESS) this.#unsent.push({ reply, verdict })
  }

  /** Writes acks of this turn, for whoever flushes or drains the client next. */
  close(): void {
    this.#connection.frames.flush()
    this.#connection.events.off('connectionStateChanged', this.#onState)
  }

  readonly #onState = (): void => {
    if (this.#connection.state !== 'connected') return
    for (const { reply, verdict } of this.#unsent.splice(0)) this.send(reply, verdict)
  }
}
