/** How long a failed message waits before it is redelivered. All in milliseconds but `factor` and `jitter`. */
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
