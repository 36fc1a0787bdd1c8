import { expect, test } from 'vitest'
import { DEFAULT_RETRY_POLICY, retryDelayMs } from './retry-policy.ts'

test('grows by the factor up to the cap', () => {
  const policy = { baseMs: 100, factor: 3, capMs: 2_000, jitter: 0 }
  expect([1, 2, 3, 4, 5, 400].map((count) => retryDelayMs(policy, count))).toEqual([100, 300, 900, 2_000, 2_000, 2_000])
})

test('jitter only shortens, by its share at most, and the result is whole', () => {
  const policy = { baseMs: 1_000, factor: 2, capMs: 60_000, jitter: 0.25 }
  expect(retryDelayMs(policy, 1, 0)).toBe(1_000)
  expect(retryDelayMs(policy, 1, 1)).toBe(750)
  expect(retryDelayMs(policy, 2, 0.3333)).toBe(1_833)
  const seen = new Set(Array.from({ length: 50 }, () => retryDelayMs(policy, 1)))
  expect(seen.size).toBeGreaterThan(10)
  for (const delay of seen) expect(delay >= 750 && delay <= 1_000).toBe(true)
})

test('the default waits grow whatever chance says', () => {
  for (const count of [1, 2, 3]) {
    expect(retryDelayMs(DEFAULT_RETRY_POLICY, count + 1, 1)).toBeGreaterThan(
      retryDelayMs(DEFAULT_RETRY_POLICY, count, 0),
    )
  }
})
