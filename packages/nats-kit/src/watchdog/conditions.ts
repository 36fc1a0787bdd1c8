import type { Connection } from '../connection/connection.ts'
import type { HealthCheck } from '../health.ts'
import { makesNotReady, type WatchdogCondition } from '../condition.ts'

/** Who has a condition: nobody in particular for what concerns the process. */
export interface ConditionOf {
  readonly stream: string
  readonly consumer: string
}

/**
 * The conditions that are on, of one consumer or of the process. Each change is logged once and is an event; that a
 * condition goes on is said by `checks()`, which holds the ones that are on and no others.
 */
export class Conditions {
  readonly #connection: Connection
  readonly #of: ConditionOf | undefined
  readonly #on = new Map<WatchdogCondition, string>()

  constructor(connection: Connection, of?: ConditionOf) {
    this.#connection = connection
    this.#of = of
  }

  /** @returns whether that was a change. */
  set(condition: WatchdogCondition, on: boolean, detail: string): boolean {
    const changed = this.#on.has(condition) !== on
    if (on) this.#on.set(condition, detail)
    else this.#on.delete(condition)
    if (!changed) return false
    const change = { condition, ...this.#of, on, detail }
    const level = on ? (makesNotReady(condition) ? 'error' : 'warn') : 'info'
    this.#connection.logger[level](
      { event: 'watchdogChanged', ...change },
      `watchdog: ${condition} is ${on ? 'on' : 'off'}`,
    )
    this.#connection.events.emit('watchdogChanged', change)
    return true
  }

  has(condition: WatchdogCondition): boolean {
    return this.#on.has(condition)
  }

  /** Whether one is on. */
  get any(): boolean {
    return this.#on.size > 0
  }

  checks(): readonly HealthCheck[] {
    return [...this.#on].map(([condition, detail]) => {
      const name = this.#of ? `watchdog:${condition}:${this.#of.consumer}` : `watchdog:${condition}`
      return makesNotReady(condition) ? { name, ok: false, detail } : { name, ok: true, warning: true, detail }
    })
  }
}
