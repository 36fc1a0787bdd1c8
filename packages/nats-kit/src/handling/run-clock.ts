/**
 * The time that handlers had to run, in milliseconds: it stands still during a pause, and a process that was frozen or
 * busy for longer than `maxStepMs` had that much and no more. Read at least that often.
 */
export class RunClock {
  readonly #maxStepMs: number
  #total = 0
  #readAt = performance.now()
  #isPaused = false

  constructor(maxStepMs: number) {
    this.#maxStepMs = maxStepMs
  }

  /** @param now of `performance.now()`. */
  read(now: number): number {
    if (!this.#isPaused) this.#total += Math.min(this.#maxStepMs, Math.max(0, now - this.#readAt))
    this.#readAt = now
    return this.#total
  }

  pause(now: number): void {
    this.read(now)
    this.#isPaused = true
  }

  resume(now: number): void {
    this.#readAt = now
    this.#isPaused = false
  }
}
