/** Messages whose waits are remembered, the latest ones. */
const MAX_MESSAGES = 10_000

/** Messages that this process gave back and that wait on the broker for their next delivery. */
export class RetryWaits {
  /** When each is due, in milliseconds of `performance.now()`, by its sequence in the stream. */
  readonly #dueAt = new Map<number, number>()

  get size(): number {
    return this.#dueAt.size
  }

  add(seq: number, dueAt: number): void {
    this.#dueAt.delete(seq)
    this.#dueAt.set(seq, dueAt)
    if (this.#dueAt.size <= MAX_MESSAGES) return
    for (const oldest of this.#dueAt.keys()) {
      this.#dueAt.delete(oldest)
      break
    }
  }

  /** It was redelivered, here. */
  arrived(seq: number): void {
    this.#dueAt.delete(seq)
  }

  /**
   * Forgets the messages that left the stream, which begins at `firstSeq`, and returns them: those that were not due yet
   * left for certain without their next delivery; one that was due may have been redelivered to another instance.
   */
  takeLeft(
    firstSeq: number,
    now: number,
  ): { readonly certain: readonly number[]; readonly possible: readonly number[] } {
    const certain: number[] = []
    const possible: number[] = []
    for (const [seq, dueAt] of this.#dueAt) {
      if (seq >= firstSeq) continue
      this.#dueAt.delete(seq)
      ;(dueAt > now ? certain : possible).push(seq)
    }
    return { certain, possible }
  }
}
