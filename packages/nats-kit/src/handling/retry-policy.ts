import type { RetryPolicy } from '@alarm-bus/contracts'
import { errorText } from '../errors.ts'
import type { Logger } from '../logger.ts'

/** A policy in numbers, or a function from the delivery that failed (1 for the first) and its error to milliseconds. */
export type RetryDelay = Partial<RetryPolicy> | ((deliveryCount: number, error: unknown) => number)

/** 1 s, 5 s, 25 s, …, at most 5 minutes; each up to a fifth shorter by chance. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = { baseMs: 1_000, factor: 5, capMs: 300_000, jitter: 0.2 }

/**
 * The wait after the `deliveryCount`-th delivery failed, a whole number of milliseconds.
 *
 * @param random a number from 0 to 1; only a test gives its own.
 */
export function retryDelayMs(policy: RetryPolicy, deliveryCount: number, random: number = Math.random()): number {
  // A large exponent is Infinity, which the cap takes care of.
  const full = Math.min(policy.capMs, policy.baseMs * policy.factor ** (deliveryCount - 1))
  return Math.round(full * (1 - policy.jitter * random))
}

/** A year: what a policy says beyond it is a mistake. */
const MAX_DELAY_MS = 365 * 24 * 60 * 60 * 1000

/**
 * The wait that a policy or a function asks for.
 *
 * @throws RangeError when a function returns no number of milliseconds from 0 to a year.
 */
export function delayOf(retry: RetryDelay, deliveryCount: number, error: unknown): number {
  if (typeof retry !== 'function') return retryDelayMs({ ...DEFAULT_RETRY_POLICY, ...retry }, deliveryCount)
  const delayMs = retry(deliveryCount, error)
  if (!(delayMs >= 0 && delayMs <= MAX_DELAY_MS))
    throw new RangeError(`a retry function returned ${delayMs}, not a number of milliseconds`)
  return Math.round(delayMs)
}

/** The same for whoever must not fail: a retry function is the app's code, and what it does must not cost the message. */
export function safeDelayOf(
  retry: RetryDelay,
  deliveryCount: number,
  error: unknown,
  channel: string,
  logger: Logger,
): number {
  try {
    return delayOf(retry, deliveryCount, error)
  } catch (cause) {
    logger.error(
      { event: 'retryPolicyFailed', channel, error: errorText(cause), err: cause },
      'retry function failed; the default is used',
    )
    return delayOf({}, deliveryCount, error)
  }
}

/** Every wait of a policy together, at its longest: how long a message may go on being retried. Unknown of a function. */
export function totalRetryMs(retry: RetryDelay, maxDeliver: number): number | undefined {
  if (typeof retry === 'function' || !Number.isFinite(maxDeliver)) return undefined
  const policy = { ...DEFAULT_RETRY_POLICY, ...retry, jitter: 0 }
  let total = 0
  for (let delivery = 1; delivery < maxDeliver && total < MAX_DELAY_MS; delivery++)
    total += retryDelayMs(policy, delivery)
  return total
}
