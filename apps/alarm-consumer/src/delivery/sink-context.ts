import type { MessageContext } from '@alarm-bus/nats-kit'

/** A delivery as one of several sinks sees it: the consumer has the sink's name added, so that each counts for itself. */
export class SinkContext implements MessageContext {
  readonly consumer: string
  readonly #delivery: MessageContext

  constructor(delivery: MessageContext, sink: string) {
    this.#delivery = delivery
    // A token of its own, below the consumer's: who may write the consumer's records may write these.
    this.consumer = `${delivery.consumer}.${sink}`
  }

  get channel(): string {
    return this.#delivery.channel
  }

  get subject(): string {
    return this.#delivery.subject
  }

  get stream(): string {
    return this.#delivery.stream
  }

  get seq(): number {
    return this.#delivery.seq
  }

  get deliveryCount(): number {
    return this.#delivery.deliveryCount
  }

  get storedAt(): Date {
    return this.#delivery.storedAt
  }

  get id(): string | undefined {
    return this.#delivery.id
  }

  get signal(): AbortSignal {
    return this.#delivery.signal
  }

  get logger(): MessageContext['logger'] {
    return this.#delivery.logger
  }

  header(name: string): string | undefined {
    return this.#delivery.header(name)
  }
}
