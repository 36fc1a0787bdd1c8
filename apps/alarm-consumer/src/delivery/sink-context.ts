import type { MessageContext } from '@alarm-bus/nats-kit'

/** A delivery as one of several sinks sees it, each under a name of its own in the consumer's place, so that each counts for itself. */
export class SinkContext implements MessageContext {
  readonly consumer: string
  readonly #delivery: MessageContext

  /** @param consumer `<consumer>.<sink>`: who may write the records of a consumer may write those below it. */
  constructor(delivery: MessageContext, consumer: string) {
    this.#delivery = delivery
    this.consumer = consumer
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
