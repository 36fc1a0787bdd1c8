/** How soon a look follows: soon while there is something to see, ever later while there is nothing. */
export class LookTimer {
  readonly #busyMs: number
  readonly #idleMs: number
  #everyMs: number
  #dueAt = 0
  #timer: NodeJS.Timeout | undefined
  #resolve: (() => void) | undefined
  /** Asked for while a look was under way. */
  #isAsked = false

  constructor(busyMs: number, idleMs: number) {
    this.#busyMs = busyMs
    this.#idleMs = Math.max(busyMs, idleMs)
    this.#everyMs = busyMs
  }

  /** Resolves when the next look is due, or when the signal aborts. */
  async next(busy: boolean, signal: AbortSignal): Promise<void> {
    this.#everyMs = busy ? this.#busyMs : Math.min(this.#idleMs, this.#everyMs * 2)
    if (signal.aborted) return
    if (this.#isAsked) {
      this.#isAsked = false
      return
    }
    await new Promise<void>((resolve) => {
      this.#resolve = resolve
      signal.addEventListener('abort', this.now, { once: true })
      // A fifth more or less by chance, so that those of many consumers do not come together; idle ones never sooner.
      this.#arm(this.#everyMs * (busy ? 0.8 + Math.random() * 0.4 : 1 + Math.random() * 0.2))
    })
    this.#resolve = undefined
    signal.removeEventListener('abort', this.now)
    clearTimeout(this.#timer)
  }

  /** Something happens: what was to be looked at late is looked at soon. Cheap, as it is called for every message. */
  soon(): void {
    if (this.#everyMs === this.#busyMs) return
    this.#everyMs = this.#busyMs
    if (this.#dueAt - performance.now() > this.#busyMs) this.#arm(this.#busyMs)
  }

  readonly now = (): void => this.#resolve?.()

  /** At once, or right after the look that is under way. */
  nowOrNext(): void {
    if (this.#resolve) this.#resolve()
    else this.#isAsked = true
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer)
    this.#dueAt = performance.now() + ms
    this.#timer = setTimeout(this.now, ms).unref()
  }
}
