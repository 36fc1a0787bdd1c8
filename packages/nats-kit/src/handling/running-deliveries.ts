import type { Delivery } from './delivery.ts'

/** One message's place among those that run, and what its handler's promise calls. Used again by the next message. */
export interface Place {
  /** Undefined while the place is free. */
  readonly delivery: Delivery | undefined
  /** Milliseconds of `performance.now()`. */
  readonly startedAt: number
  readonly onDone: () => void
  readonly onFailed: (error: unknown) => void
}

type OwnPlace = { -readonly [Key in keyof Place]: Place[Key] }

/**
 * The deliveries that are with a handler. As many places as ever were needed at once, which the subscriber's bound
 * limits: a closure for each end of each message, and a set that is rehashed all the time, cost more than the message's
 * own objects. A place's callbacks must be called once a message, so they are given to native promises only.
 */
export class RunningDeliveries {
  readonly #places: OwnPlace[] = []
  readonly #free: OwnPlace[] = []
  readonly #onDone: (place: Place) => void
  readonly #onFailed: (place: Place, error: unknown) => void

  constructor(onDone: (place: Place) => void, onFailed: (place: Place, error: unknown) => void) {
    this.#onDone = onDone
    this.#onFailed = onFailed
  }

  get size(): number {
    return this.#places.length - this.#free.length
  }

  add(delivery: Delivery, startedAt: number): Place {
    const place = this.#free.pop() ?? this.#newPlace()
    place.delivery = delivery
    place.startedAt = startedAt
    return place
  }

  /** Frees the place, and returns whose it was; undefined when it is free already. */
  remove(place: Place): Delivery | undefined {
    const { delivery } = place
    if (delivery === undefined) return undefined
    const own = place as OwnPlace
    own.delivery = undefined
    this.#free.push(own)
    return delivery
  }

  forEach(act: (delivery: Delivery, startedAt: number) => void): void {
    for (const { delivery, startedAt } of this.#places) if (delivery !== undefined) act(delivery, startedAt)
  }

  #newPlace(): OwnPlace {
    const place: OwnPlace = {
      delivery: undefined,
      startedAt: 0,
      onDone: () => this.#onDone(place),
      onFailed: (error) => this.#onFailed(place, error),
    }
    this.#places.push(place)
    return place
  }
}
