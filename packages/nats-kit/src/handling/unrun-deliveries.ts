/** Messages whose deliveries are remembered, the latest ones. */
const MAX_MESSAGES = 10_000

/**
 * Deliveries that did not fail although the broker counts them: those that were passed over or given back. What this
 * process knows, and what the one before noted when it stopped; those of a process that was killed, or of another instance,
 * count as failures, on the safe side of redelivering for ever.
 */
export class UnrunDeliveries {
  /** By the message's sequence in the stream. */
  readonly #counts = new Map<number, number>()

  get size(): number {
    return this.#counts.size
  }

  add(seq: number): void {
    const count = this.of(seq) + 1
    this.#counts.delete(seq)
    this.#counts.set(seq, count)
    if (this.#counts.size <= MAX_MESSAGES) return
    for (const oldest of this.#counts.keys()) {
      this.#counts.delete(oldest)
      break
    }
  }

  of(seq: number): number {
    return this.#counts.get(seq) ?? 0
  }

  forget(seq: number): void {
    this.#counts.delete(seq)
  }

  /** The consumer was made anew, and counts deliveries from the first again. */
  clear(): void {
    this.#counts.clear()
  }

  /** For the app's next process. */
  all(): ReadonlyMap<number, number> {
    return this.#counts
  }

  /** What an earlier process of the app knew. */
  take(counts: ReadonlyMap<number, number>): void {
    for (const [seq, count] of counts) this.#counts.set(seq, Math.max(count, this.of(seq)))
  }
}
