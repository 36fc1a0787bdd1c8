import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '../connection/connection.ts'

/**
 * Tells deliveries whose ack wait may have run out before this process got round to them: while its event loop is
 * blocked they lie in the socket, and the broker delivers them again, perhaps to somebody else.
 *
 * A clock that ticks as long as the loop turns shows how long it did not. After a block longer than the ack wait,
 * everything that had reached the process may be that old; a ping marks its end, since the answer comes behind it. What
 * came just before the answer is passed over too, and comes again an ack wait later.
 */
export class StaleDeliveries {
  readonly #connection: Connection
  readonly #consumer: string
  readonly #ackWaitMs: number
  readonly #clock: NodeJS.Timeout
  #tickedAt = performance.now()
  /** How many were passed over since the block; undefined when there was none. */
  #passedOver: number | undefined

  constructor(connection: Connection, consumer: string, ackWaitMs: number) {
    this.#connection = connection
    this.#consumer = consumer
    this.#ackWaitMs = ackWaitMs
    this.#clock = setInterval(this.#tick, ackWaitMs / 10)
    this.#clock.unref()
  }

  /**
   * Whether the delivery that is here now is to be left to the broker, which delivers it again.
   *
   * @param now of `performance.now()`.
   */
  isStale(now: number): boolean {
    if (this.#passedOver === undefined && now - this.#tickedAt < this.#ackWaitMs) return false
    this.#tick()
    if (this.#passedOver === undefined) return false
    this.#passedOver++
    return true
  }

  stop(): void {
    clearInterval(this.#clock)
  }

  readonly #tick = (): void => {
    const now = performance.now()
    const blockedMs = now - this.#tickedAt
    this.#tickedAt = now
    if (blockedMs < this.#ackWaitMs || this.#passedOver !== undefined) return
    this.#passedOver = 0
    void this.#untilRead().then(() => this.#over(blockedMs))
  }

  /** A lost connection may leave the ping without an answer; what it had brought is read by then all the same. */
  async #untilRead(): Promise<void> {
    const answered = this.#connection.client.flush().catch(() => undefined)
    await Promise.race([answered, sleep(this.#ackWaitMs, undefined, { ref: false })])
  }

  #over(blockedMs: number): void {
    const passedOver = this.#passedOver ?? 0
    this.#passedOver = undefined
    if (passedOver === 0) return
    this.#connection.logger.warn(
      { event: 'staleDeliveries', consumer: this.#consumer, passedOver, blockedMs: Math.round(blockedMs) },
      'the event loop was blocked for longer than the ack wait; messages that arrived meanwhile will be redelivered',
    )
  }
}
