import { describe, expect, test } from 'vitest'
import { cpuSeconds, parsePsTime } from './cpu-time.ts'
import { median, percentile } from './statistics.ts'

describe('processor time', () => {
  test('of this process grows, and of no process is 0', () => {
    const before = cpuSeconds(process.pid)
    const endsAt = performance.now() + 100
    while (performance.now() < endsAt);
    expect(cpuSeconds(process.pid)).toBeGreaterThan(before)
    expect(cpuSeconds(2 ** 30)).toBe(0)
  })

  test('as ps prints it', () => {
    expect(parsePsTime('  0:01.50\n')).toBe(1.5)
    expect(parsePsTime('01:02:03')).toBe(3_723)
    expect(parsePsTime('2-00:00:01')).toBe(172_801)
  })
})

test('a percentile lies between two values where it falls between', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
  expect(percentile([0, 100], 0.99)).toBe(99)
})
