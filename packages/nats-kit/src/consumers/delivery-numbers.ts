import type { Msg } from '@nats-io/transport-node'
import { ackHead } from '../handling/envelope.ts'

const ONE = '1'.charCodeAt(0)
const DOT = '.'.charCodeAt(0)

/**
 * Notices that a consumer counts its deliveries from one again while it is read: something has reset it, or made it
 * again. Cheap, as it is asked of every delivery.
 */
export class DeliveryNumbers {
  readonly #head: string
  #hasDelivered: boolean

  /** @param hasDelivered whether the consumer had delivered anything before it is read from here. */
  constructor(stream: string, consumer: string, hasDelivered: boolean) {
    this.#head = ackHead(stream, consumer)
    this.#hasDelivered = hasDelivered
  }

  beginAgain({ reply = '' }: Msg): boolean {
    const begins = this.#isFirst(reply)
    const again = begins && this.#hasDelivered
    this.#hasDelivered = true
    return again
  }

  /** The second number behind the count of deliveries, which comes after the head or, with a domain, is the eighth token. */
  #isFirst(reply: string): boolean {
    if (!reply.startsWith(this.#head)) return reply.split('.')[8] === '1'
    const stream = reply.indexOf('.', this.#head.length) + 1
    const number = reply.indexOf('.', stream) + 1
    return reply.charCodeAt(number) === ONE && reply.charCodeAt(number + 1) === DOT
  }
}
