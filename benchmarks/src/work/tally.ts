/** Counts which of `count` messages were handled: a message that comes twice counts once. */
export class Tally {
  readonly #seen: Uint8Array
  readonly #complete: Promise<void>
  readonly #onFirst: () => void
  #handled = 0
  #twice = 0
  #resolve: () => void = () => undefined

  constructor(count: number, onFirst: () => void = () => undefined) {
    this.#seen = new Uint8Array(count)
    this.#onFirst = onFirst
    this.#complete = new Promise((resolve) => (this.#resolve = resolve))
  }

  add(n: number): void {
    if (this.#seen[n] !== 0) {
      this.#twice++
      return
    }
    if (this.#handled === 0) this.#onFirst()
    this.#seen[n] = 1
    if (++this.#handled === this.#seen.length) this.#resolve()
  }

  /** Messages that came again, or that were never sent. */
  get twice(): number {
    return this.#twice
  }

  /** Resolves when every message was handled. @throws Error naming how many are missing after `timeoutMs`. */
  async complete(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () =>
          reject(
            new Error(
              `${this.#seen.length - this.#handled} of ${this.#seen.length} messages were not handled within ${timeoutMs} ms`,
            ),
          ),
        timeoutMs,
      )
    })
    try {
      await Promise.race([this.#complete, late])
    } finally {
      clearTimeout(timer)
    }
  }
}
