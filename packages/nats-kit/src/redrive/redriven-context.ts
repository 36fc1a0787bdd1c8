import type { MsgHdrs } from '@nats-io/transport-node'
import { HeaderName } from '../codec/headers.ts'
import type { Logger } from '../logger.ts'
import type { ConsumerSpec } from '../consumers/consumer-spec.ts'
import type { Delivery } from '../handling/delivery.ts'
import type { MessageContext } from '../handling/handler.ts'
import { restoredHeaders } from './redriven-message.ts'

/**
 * What a handler is told of a redriven message: the original's identity. Stream, sequence, subject, id, headers and
 * time are those of the message that had failed, so a handler that remembers what it handled recognises it.
 * `deliveryCount` counts the copy's deliveries, and the header `Redrive-Count` says that it is one.
 */
export class RedrivenContext implements MessageContext {
  readonly channel: string
  readonly subject: string
  readonly stream: string
  readonly consumer: string
  readonly seq: number
  readonly storedNanos: string
  /** The original's headers, and the `Redrive-*` ones. */
  readonly headers: MsgHdrs
  readonly #delivery: Delivery

  constructor(delivery: Delivery, watched: ConsumerSpec) {
    this.#delivery = delivery
    this.channel = watched.channel
    this.subject = watched.filterSubject
    this.stream = watched.stream
    this.consumer = watched.name
    // `redrive.<stream>.<consumer>.<sequence>.<nanos>.<count>`
    const [, , , seq = '', storedNanos = ''] = delivery.subject.split('.')
    this.seq = Number(seq)
    this.storedNanos = storedNanos
    this.headers = restoredHeaders(delivery.message.headers)
  }

  get deliveryCount(): number {
    return this.#delivery.deliveryCount
  }

  /** When the copy was stored, in nanoseconds of the Unix epoch: tells the copies of one message apart. */
  get copyStoredNanos(): string {
    return this.#delivery.storedNanos
  }

  get storedAt(): Date {
    return new Date(Number(this.storedNanos) / 1e6)
  }

  get id(): string | undefined {
    return this.header(HeaderName.MessageId)
  }

  get signal(): AbortSignal {
    return this.#delivery.signal
  }

  get logger(): Logger {
    return this.#delivery.logger
  }

  header(name: string): string | undefined {
    return this.headers.has(name) ? this.headers.get(name) : undefined
  }
}
