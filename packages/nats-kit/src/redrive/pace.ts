import { setTimeout as sleep } from 'node:timers/promises'

/** What a pace goes by; only a test gives its own. */
export interface Clock {
  /** Milliseconds that only grow. */
  now(): number
  sleep(ms: number): Promise<unknown>
}

export const SYSTEM_CLOCK: Clock = { now: () => performance.now(), sleep: (ms) => sleep(ms) }

/**
 * At most `perSecond` turns a second, evenly spread: time that passed unused is not made up for by a burst.
 *
 * @returns a function that resolves when it is the next one's turn.
 */
export function paceOf(perSecond: number, clock: Clock): () => Promise<void> {
  const intervalMs = 1_000 / perSecond
  let nextAt = Number.NEGATIVE_INFINITY
  return async () => {
    const waitMs = nextAt - clock.now()
    if (waitMs > 0) await clock.sleep(waitMs)
    nextAt = Math.max(clock.now(), nextAt) + intervalMs
  }
}
