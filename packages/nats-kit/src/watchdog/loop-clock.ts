const TICK_MS = 500
/** Longer than a garbage collection or a busy moment. */
const FREEZE_MS = 2_000

/**
 * Notices that the process stood still: it was stopped, its machine slept, or something blocked its event loop. One clock
 * serves the process, as it stands still as a whole.
 */
class LoopClock {
  #tickedAt = performance.now()
  #timer: NodeJS.Timeout | undefined
  #users = 0
  #freezes = 0

  /** @returns a function that ends the use. */
  use(): () => void {
    if (this.#users++ === 0) {
      this.#tickedAt = performance.now()
      this.#timer = setInterval(() => this.tell(performance.now()), TICK_MS).unref()
    }
    return () => {
      if (--this.#users === 0) clearInterval(this.#timer)
    }
  }

  /** How often the process has stood still. */
  get freezes(): number {
    return this.#freezes
  }

  /** What arrives may be read before the clock's own timer runs, so whoever knows the time tells it. */
  tell(now: number): void {
    if (now - this.#tickedAt > TICK_MS + FREEZE_MS) this.#freezes++
    else if (now - this.#tickedAt < TICK_MS) return
    this.#tickedAt = now
  }
}

export const loopClock = new LoopClock()
