/** For how long changes wait for others: messages to be settled, a copy to be whole. */
export class Patience {
  readonly #endsAt: number
  readonly #signal: AbortSignal | undefined

  /** @param signal aborts the wait. */
  constructor(ms: number, signal?: AbortSignal) {
    this.#endsAt = performance.now() + ms
    this.#signal = signal
  }

  get isInterrupted(): boolean {
    return this.#signal?.aborted === true
  }

  get isOver(): boolean {
    return this.isInterrupted || performance.now() > this.#endsAt
  }

  /** Why it is over, as part of a sentence. */
  get why(): string {
    return this.isInterrupted ? 'interrupted' : 'not within --settle-ms'
  }
}
