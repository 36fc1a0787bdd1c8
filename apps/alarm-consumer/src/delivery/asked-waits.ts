/** The longest wait that a sink may ask for; beyond it is a mistake, and alarms are not for tomorrow. */
export const MAX_ASKED_WAIT_MS = 15 * 60_000
/** The shortest: a sink that names less would be asked without a stop. */
const MIN_ASKED_WAIT_MS = 100
/** Where waits grow because the sink asks again and again, they grow up to this. */
const MAX_GROWN_WAIT_MS = 60_000

/**
 * How long a sink is let alone that asks for it: what it names, within bounds of this end's own. One that names nothing,
 * or no time at all, is let alone for the circuit's first pause. Asked again at once, this end's own wait doubles.
 */
export class AskedWaits {
  readonly #firstPauseMs: number
  #inARow = 0

  constructor(firstPauseMs: number) {
    this.#firstPauseMs = firstPauseMs
  }

  /** @param askedMs as the sink has named it, whatever that is. */
  next(askedMs: number | undefined): number {
    const asked = askedMs !== undefined && askedMs > 0 ? askedMs : 0
    const doublings = this.#inARow++ - (asked > 0 ? 1 : 0)
    const grown = this.#firstPauseMs * 2 ** Math.min(doublings, 20)
    const own = doublings < 0 ? MIN_ASKED_WAIT_MS : Math.min(Math.max(this.#firstPauseMs, MAX_GROWN_WAIT_MS), grown)
    return Math.ceil(Math.min(MAX_ASKED_WAIT_MS, Math.max(asked, own)))
  }

  /** The sink took an alarm. */
  arrived(): void {
    this.#inARow = 0
  }
}
