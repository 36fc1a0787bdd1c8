import type { Connection } from '../connection/connection.ts'

const TICK_MS = 20
/** A tick that is later than this came after a stall: garbage was collected, something blocked, the process was stopped. */
const STALL_MS = 2 * TICK_MS

/**
 * How long a message may have lain here before it was read. What is read after the process stood still may have arrived at
 * any moment of it; what the broker sends after it has answered a ping that followed is new.
 */
export class StallClock {
  readonly #connection: Connection
  readonly #timer: NodeJS.Timeout
  #tickedAt = performance.now()
  #stalledMs = 0

  constructor(connection: Connection) {
    this.#connection = connection
    this.#timer = setInterval(() => this.#tick(performance.now()), TICK_MS).unref()
  }

  /** At most. The sockets may be read before the clock's own timer runs, so every reader looks. */
  waitedMs(now: number): number {
    if (now - this.#tickedAt > STALL_MS) this.#tick(now)
    return this.#stalledMs
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #tick(now: number): void {
    const gapMs = now - this.#tickedAt
    this.#tickedAt = now
    if (gapMs <= STALL_MS) return
    const isKnown = this.#stalledMs > 0
    this.#stalledMs += gapMs
    if (!isKnown) void this.#untilFresh()
  }

  async #untilFresh(): Promise<void> {
    const stalledMs = this.#stalledMs
    try {
      await this.#connection.client.flush()
    } catch {
      // Nothing of the lost connection is read any more.
    }
    if (this.#stalledMs === stalledMs) this.#stalledMs = 0
    // It stood still again meanwhile.
    else void this.#untilFresh()
  }
}
