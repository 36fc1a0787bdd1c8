import type { Connection } from '../connection/connection.ts'
import { errorText } from '../errors.ts'
import type { Verdict } from './decide.ts'
import type { Envelope } from './envelope.ts'

const IN_PROGRESS = Buffer.from('+WPI')

/**
 * Tells the broker what becomes of deliveries. The only file that acknowledges.
 *
 * What is said while the connection is down waits for it: the client would drop it, and the message would be redelivered
 * although it was handled. At most one a running message; that one is in progress is not worth keeping.
 */
export class Settler {
  readonly #connection: Connection
  #unsent: { readonly reply: string; readonly verdict: Verdict }[] = []

  constructor(connection: Connection) {
    this.#connection = connection
    connection.events.on('connectionStateChanged', this.#onState)
  }

  settle(reply: string, verdict: Verdict): void {
    if (this.#connection.state === 'connected') this.#send(reply, verdict)
    else this.#unsent.push({ reply, verdict })
  }

  /** Starts the broker's ack wait again. */
  keepAlive({ reply }: Envelope): void {
    if (this.#connection.state !== 'connected') return
    this.#publish(reply, IN_PROGRESS)
  }

  /** Writes acks of this turn, for whoever flushes or drains the client next. */
  close(): void {
    this.#connection.frames.flush()
    this.#connection.events.off('connectionStateChanged', this.#onState)
  }

  #send(reply: string, verdict: Verdict): void {
    switch (verdict.kind) {
      case 'ack':
        return this.#ack(reply)
      case 'retry':
        return this.#publish(reply, Buffer.from(`-NAK {"delay":${verdict.delayMs * 1_000_000}}`))
      case 'give_back':
        return this.#publish(reply, giveBack(verdict.delayMs))
      case 'dead_letter':
        return this.#publish(reply, Buffer.from(`+TERM ${verdict.reason}`))
    }
  }

  #ack(reply: string): void {
    try {
      this.#connection.frames.ack(reply)
    } catch (error) {
      this.#lost(reply, error)
    }
  }

  #publish(reply: string, body: Uint8Array): void {
    try {
      this.#connection.client.publish(reply, body)
    } catch (error) {
      this.#lost(reply, error)
    }
  }

  /** Closed for good: the broker redelivers the message to this app's next process. */
  #lost(reply: string, error: unknown): void {
    const detail = { event: 'settlementLost', reply, error: errorText(error) }
    this.#connection.logger.warn(detail, 'message cannot be settled; it will be redelivered')
  }

  readonly #onState = (): void => {
    if (this.#connection.state !== 'connected') return
    for (const { reply, verdict } of this.#unsent.splice(0)) this.#send(reply, verdict)
  }
}

function giveBack(delayMs: number): Uint8Array {
  return Buffer.from(delayMs === 0 ? '-NAK' : `-NAK {"delay":${delayMs * 1_000_000}}`)
}
