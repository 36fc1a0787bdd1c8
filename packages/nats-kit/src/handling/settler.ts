import type { Connection } from '../connection/connection.ts'
import { errorText } from '../errors.ts'
import type { Verdict } from './decide.ts'
import type { Envelope } from './envelope.ts'

const IN_PROGRESS = Buffer.from('+WPI')
/** After this long without another refusal acks count as taken again, unless that is seen before. */
const REFUSED_MS = 30_000

/**
 * Tells the broker what becomes of deliveries. The only file that acknowledges.
 *
 * What is said while the connection is down waits for it: the client would drop it, and the message would be redelivered
 * although it was handled. At most one a running message; that one is in progress is not worth keeping.
 */
export class Settler {
  readonly #connection: Connection
  readonly #ackHead: string
  #unsent: { readonly reply: Uint8Array; readonly verdict: Verdict }[] = []
  #refusedAt = Number.NEGATIVE_INFINITY

  /** @param ackHead how the subjects begin on which this consumer's deliveries are answered. */
  constructor(connection: Connection, ackHead: string) {
    this.#connection = connection
    this.#ackHead = ackHead
    connection.events.on('connectionStateChanged', this.#onState)
    connection.events.on('errorOccurred', this.#onBrokerError)
  }

  /** Why what is said does not count; the broker tells of each refusal, and of nothing that it takes. */
  get trouble(): string | undefined {
    const isRefused = performance.now() - this.#refusedAt < REFUSED_MS
    return isRefused ? "the broker refuses this app's acks; messages are handled again and again" : undefined
  }

  /** The broker was seen to have taken acks since. */
  acksTaken(): void {
    this.#refusedAt = Number.NEGATIVE_INFINITY
  }

  settle(reply: Uint8Array, verdict: Verdict): void {
    if (this.#connection.state === 'connected') this.#send(reply, verdict)
    else this.#unsent.push({ reply: Buffer.from(reply), verdict })
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
    this.#connection.events.off('errorOccurred', this.#onBrokerError)
  }

  #send(reply: Uint8Array, verdict: Verdict): void {
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

  #ack(reply: Uint8Array): void {
    try {
      this.#connection.frames.ack(reply)
    } catch (error) {
      this.#lost(reply, error)
    }
  }

  #publish(reply: Uint8Array, body: Uint8Array): void {
    try {
      this.#connection.client.publish(textOf(reply), body)
    } catch (error) {
      this.#lost(reply, error)
    }
  }

  /** Closed for good: the broker redelivers the message to this app's next process. */
  #lost(reply: Uint8Array, error: unknown): void {
    const detail = { event: 'settlementLost', reply: textOf(reply), error: errorText(error) }
    this.#connection.logger.warn(detail, 'message cannot be settled; it will be redelivered')
  }

  readonly #onBrokerError = (error: { readonly operation?: string; readonly subject?: string }): void => {
    if (error.operation === 'publish' && error.subject?.startsWith(this.#ackHead)) this.#refusedAt = performance.now()
  }

  readonly #onState = (): void => {
    if (this.#connection.state !== 'connected') return
    for (const { reply, verdict } of this.#unsent.splice(0)) this.#send(reply, verdict)
  }
}

function textOf(reply: Uint8Array): string {
  return Buffer.from(reply).toString()
}

function giveBack(delayMs: number): Uint8Array {
  return Buffer.from(delayMs === 0 ? '-NAK' : `-NAK {"delay":${delayMs * 1_000_000}}`)
}
