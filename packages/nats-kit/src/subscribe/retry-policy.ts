/** How long a failed message waits before it comes again. All in milliseconds but `factor` and `jitter`. */
export interface RetryPolicy {
  /** Wait after the first failure. */
  readonly baseMs: number
  /** What each further failure multiplies it by. */
  readonly factor: number
  /** The longest wait. */
  readonly capMs: number
  /** Share of the wait that is left to chance, 0 to 1, so that what failed together does not come back together. */
  readonly jitter: number
}

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
