import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { HealthCheck } from '../health.ts'
import { WatchdogCondition } from '../condition.ts'
import { Conditions } from './conditions.ts'

/** How often the loop should come by, in milliseconds; a delay is seen up to this much too short. */
const TICK_MS = 100
/** The condition ends when the loop was on time for this long. */
const CALM_MS = 1_000

/**
 * Notices when the process is too busy to look after its connection. While the loop is blocked nothing can be said; it
 * is said right after, which tells why heartbeats, acks or in-progress signals were late.
 *
 * A timer that sees how late it is, and not `monitorEventLoopDelay`: that one passes over a delay that begins before its
 * first tick after a reset.
 */
export class EventLoopWatch {
  readonly #conditions: Conditions
  readonly #limitMs: number
  readonly #timer: NodeJS.Timeout
  #tickedAt = performance.now()
  #lateAt = 0

  /** @throws KitError `invalid_options`. */
  constructor(connection: Connection, limitMs: number = 1_000) {
    this.#limitMs = checkedLagMs(limitMs)
    this.#conditions = new Conditions(connection)
    this.#timer = setInterval(this.#tick, TICK_MS)
    this.#timer.unref()
  }

  checks(): readonly HealthCheck[] {
    return this.#conditions.checks()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  readonly #tick = (): void => {
    const now = performance.now()
    const lateMs = Math.round(now - this.#tickedAt - TICK_MS)
    this.#tickedAt = now
    if (lateMs > this.#limitMs) {
      this.#lateAt = now
      this.#conditions.set(WatchdogCondition.EventLoopLag, true, `the event loop was blocked for ${lateMs} ms`)
    } else if (now - this.#lateAt > CALM_MS) {
      this.#conditions.set(WatchdogCondition.EventLoopLag, false, 'the event loop is on time')
    }
  }
}

/** @throws KitError `invalid_options`. */
export function checkedLagMs(limitMs: number): number {
  if (Number.isSafeInteger(limitMs) && limitMs >= TICK_MS) return limitMs
  throw new KitError(
    KitErrorCode.InvalidOptions,
    `eventLoopLagMs must be a whole number from ${TICK_MS}, not ${limitMs}`,
  )
}
