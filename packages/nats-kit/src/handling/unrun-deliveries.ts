/** Messages whose deliveries are remembered, the latest ones. */
const MAX_MESSAGES = 10_000

/**
 * Deliveries that did not fail although the broker counts them: those that were passed over, given back, or ended with a
 * wait that the handler asked for. What this process knows, and what the one before noted when it stopped; those of a
 * process that was killed, or of another instance, count as failures, on the safe side of redelivering for ever.
 */
export class UnrunDeliveries {
  readonly #counts = new Map<string, number>()

  add(key: string): void {
    const count = this.of(key) + 1
    this.#counts.delete(key)
    this.#counts.set(key, count)
    if (this.#counts.size <= MAX_MESSAGES) return
    for (const oldest of this.#counts.keys()) {
      this.#counts.delete(oldest)
      break
    }
  }

  of(key: string): number {
    return this.#counts.get(key) ?? 0
  }

  forget(key: string): void {
    this.#counts.delete(key)
  }

  /** The latest ones, for the app's next process. */
  latest(messages: number): ReadonlyMap<string, number> {
    return new Map([...this.#counts].slice(-messages))
  }

  /** What an earlier process of the app knew. */
  take(counts: ReadonlyMap<string, number>): void {
    for (const [key, count] of counts) this.#counts.set(key, Math.max(count, this.of(key)))
  }
}
