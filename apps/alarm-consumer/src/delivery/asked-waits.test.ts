import { expect, test } from 'vitest'
import { AskedWaits, MAX_ASKED_WAIT_MS } from './asked-waits.ts'

const take = (waits: AskedWaits, asked: number | undefined, times: number) =>
  Array.from({ length: times }, () => waits.next(asked))

test('a wait that a sink names is kept; asked again at once, it grows', () => {
  expect(take(new AskedWaits(5_000), 16_500, 4)).toEqual([16_500, 16_500, 16_500, 20_000])
  expect(take(new AskedWaits(5_000), 300, 4)).toEqual([300, 5_000, 10_000, 20_000])
})

test.each([undefined, 0, -3_000, Number.NaN])('%s is no wait: the first pause, doubled up to a minute', (asked) => {
  expect(take(new AskedWaits(5_000), asked, 6)).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000])
})

test('no more than 15 minutes, and no less than a moment', () => {
  for (const asked of [86_400_000, Number.MAX_VALUE, Number.POSITIVE_INFINITY])
    expect(new AskedWaits(5_000).next(asked)).toBe(MAX_ASKED_WAIT_MS)
  expect(new AskedWaits(600_000).next(0)).toBe(600_000)
  expect(new AskedWaits(5_000).next(0.001)).toBe(100)
})

test('an alarm that has arrived begins it again', () => {
  const waits = new AskedWaits(5_000)
  take(waits, 0, 3)
  waits.arrived()
  expect(waits.next(0)).toBe(5_000)
})
