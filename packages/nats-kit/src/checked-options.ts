import { KitError, KitErrorCode } from './errors.ts'

/** The longest wait of a timer, in milliseconds, 24.8 days: Node fires one that is longer at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1

/** @throws KitError `invalid_options` unless it is a whole number from 1. */
export function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new KitError(KitErrorCode.InvalidOptions, `${name} must be a whole number from 1, not ${value}`)
}

/** The same for milliseconds that a timer may be given; `from` is the smallest. @throws KitError `invalid_options`. */
export function wholeMs(name: string, value: number, from = 1): number {
  if (Number.isSafeInteger(value) && value >= from && value <= MAX_TIMER_MS) return value
  throw new KitError(
    KitErrorCode.InvalidOptions,
    `${name} must be a whole number of milliseconds from ${from} to ${MAX_TIMER_MS}, not ${value}`,
  )
}

/**
 * A caller's `timeoutMs`, as it is given or computed from a deadline: above 0, fractions allowed.
 *
 * @throws KitError `invalid_options` for NaN, Infinity, 0, what is negative, and more than 24.8 days.
 */
export function checkedTimeoutMs(timeoutMs: number): number {
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= MAX_TIMER_MS) return timeoutMs
  throw new KitError(
    KitErrorCode.InvalidOptions,
    `timeoutMs must be above 0 and at most ${MAX_TIMER_MS} milliseconds, not ${timeoutMs}`,
  )
}

/** For what has to end whatever it is given: NaN and what is negative count as 0, more than 24.8 days as 24.8 days. */
export function boundedMs(timeoutMs: number): number {
  return timeoutMs > 0 ? Math.min(timeoutMs, MAX_TIMER_MS) : 0
}
