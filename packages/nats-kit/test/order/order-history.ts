/** What was seen of handlers, and what of it breaks the order of a key. */
export class OrderHistory {
  /** Of each key: the messages that have begun, in order, and those that have ended. */
  readonly #begun = new Map<string, number[]>()
  readonly #ended = new Map<string, Set<number>>()
  readonly #running = new Map<string, number>()
  readonly violations: string[] = []
  ended = 0

  /** @param n grows with each message of the key. */
  begin(key: string, n: number): void {
    const begun = this.#begun.get(key) ?? []
    this.#begun.set(key, begun)
    const running = this.#running.get(key)
    if (running !== undefined) this.violations.push(`${key}: ${n} began while ${running} ran`)
    this.#running.set(key, n)
    if (begun.includes(n)) {
      const last = begun.at(-1)
      const isEnded = this.#ended.get(key)?.has(n) === true
      // Redelivered after its end: at least once, as anywhere.
      if (last !== n && !isEnded) this.violations.push(`${key}: ${n} began again after ${last}`)
      return
    }
    const before = begun.at(-1)
    if (before !== undefined && before > n) this.violations.push(`${key}: ${n} began after ${before}`)
    if (before !== undefined && this.#ended.get(key)?.has(before) !== true)
      this.violations.push(`${key}: ${n} began before the end of ${before}`)
    begun.push(n)
  }

  /** The handler of one run is over; `isEnd` when its message has its end with it. */
  end(key: string, n: number, isEnd: boolean): void {
    this.#running.delete(key)
    if (!isEnd) return
    const ended = this.#ended.get(key) ?? new Set()
    this.#ended.set(key, ended)
    if (!ended.has(n)) this.ended++
    ended.add(n)
  }

  /** The process that ran them is dead. */
  killed(): void {
    this.#running.clear()
  }
}
