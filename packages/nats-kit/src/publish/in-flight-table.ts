/** What the table keeps. Both are the table's to fill in. */
export interface Waiting {
  token: string
  /** Grows with each entry, so that all can be put in the order in which they came. */
  order: number
}

/**
 * Who waits for an answer, found by token. Places are used again: a Map that gains and loses a thousand entries all the
 * time is copied over and over, and each copy that has grown old keeps the next one, with all that was in it, from being
 * collected while it is young.
 */
export class InFlightTable<T extends Waiting> {
  readonly #places: (T | undefined)[] = []
  /** Numbers of places that are empty. */
  readonly #empty: number[] = []
  #nextOrder = 0

  get size(): number {
    return this.#places.length - this.#empty.length
  }

  add(entry: T): void {
    const place = this.#empty.pop() ?? this.#places.length
    entry.order = this.#nextOrder++
    // The order makes the token unique: a late answer is not taken for that of the place's next user.
    entry.token = `${place.toString(36)}-${entry.order.toString(36)}`
    this.#places[place] = entry
  }

  get(token: string): T | undefined {
    const entry = this.#places[placeOf(token)]
    return entry?.token === token ? entry : undefined
  }

  has(entry: T): boolean {
    return this.#places[placeOf(entry.token)] === entry
  }

  delete(entry: T): void {
    if (!this.has(entry)) return
    const place = placeOf(entry.token)
    this.#places[place] = undefined
    this.#empty.push(place)
  }

  /** In the order in which they were added. */
  entries(): T[] {
    return this.#places.filter((entry) => entry !== undefined).sort((one, other) => one.order - other.order)
  }
}

/** Reads up to the hyphen. */
function placeOf(token: string): number {
  return Number.parseInt(token, 36)
}
