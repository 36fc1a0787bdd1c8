import { expect, test } from 'vitest'
import { retryAfterMs } from './retry-after.ts'

const DATE = 'Tue, 24 Nov 2026 12:00:00 GMT'

test('seconds, whole or not', () => {
  expect(retryAfterMs('0', undefined)).toBe(0)
  expect(retryAfterMs(' 7 ', undefined)).toBe(7_000)
  expect(retryAfterMs('0.35', undefined)).toBe(350)
  expect(retryAfterMs('86400', undefined)).toBe(86_400_000)
})

test('a date counts from the sender’s clock, or from this one’s', () => {
  expect(retryAfterMs('Tue, 24 Nov 2026 12:00:30 GMT', DATE)).toBe(30_000)
  expect(retryAfterMs('Tuesday, 24-Nov-26 12:00:30 GMT', DATE)).toBe(30_000)
  expect(retryAfterMs('Tue Nov 24 12:00:30 2026', DATE)).toBe(30_000)
  expect(retryAfterMs('Tue, 24 Nov 2026 11:00:00 GMT', DATE)).toBe(0)
  expect(retryAfterMs('Wed, 25 Nov 2026 12:00:00 GMT', DATE)).toBe(86_400_000)
  const soon = retryAfterMs(new Date(Date.now() + 60_000).toUTCString(), 'no date')
  expect(soon).toBeGreaterThan(50_000)
  expect(soon).toBeLessThanOrEqual(60_000)
})

test.each(['', '-1', '1e9', 'soon', 'NaN', '2026-11-24', '1 2', 'Tue, 99 Nov', '9'.repeat(400)])(
  '%j is no wait',
  (value) => {
    expect(retryAfterMs(value, DATE)).toBeUndefined()
  },
)
