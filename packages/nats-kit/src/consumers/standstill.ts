import { loopClock } from '../watchdog/loop-clock.ts'

/** What is held after the process stood still, until the stream was looked at. */
export interface HeldAtStandstill {
  /** Whether anything can have been missed meanwhile. */
  readonly matters: () => boolean
  hold(): void
  look(): Promise<unknown>
  release(): void
}

/**
 * After the process stood still nothing is asked for and nothing handled before the stream was looked at: new deliveries
 * would change the numbers that tell what left it meanwhile.
 */
export class Standstill {
  readonly #of: HeldAtStandstill
  /** How often the process had stood still when the stream was last looked at. */
  #freezes = loopClock.freezes
  #isOver = true

  constructor(of: HeldAtStandstill) {
    this.#of = of
  }

  /** Whether nothing is to be asked for; begins the look that ends it. Cheap, as it is asked for every delivery. */
  isHeld(): boolean {
    if (loopClock.freezes !== this.#freezes) this.#begin()
    return !this.#isOver
  }

  /** Whether the process stood still since the last look; the one that asks is the next. */
  takeLook(): boolean {
    const { freezes } = loopClock
    if (freezes === this.#freezes) return false
    this.#freezes = freezes
    return true
  }

  #begin(): void {
    if (!this.#isOver) return
    if (!this.#of.matters()) {
      this.#freezes = loopClock.freezes
      return
    }
    this.#isOver = false
    this.#of.hold()
    void this.#of.look().then(() => {
      this.#isOver = true
      this.#freezes = loopClock.freezes
      this.#of.release()
    })
  }
}
