import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { expect, test } from 'vitest'
import { exportLogs, WRITERS } from './export-logs.ts'
import type { ScanStep } from './scan-logs.ts'

/** Steps of 64 KiB without end, and what became of them. */
function endless() {
  const seen = { taken: 0, ended: false }
  const key = { stored_at_ms: 1, stream: 'S', seq: 1 }
  const entry = { storedAt: '', channel: 'c', message: 'x'.repeat(65_536), stream: 'S', seq: 1 }
  async function* steps(): AsyncGenerator<ScanStep> {
    try {
      for (;;) {
        seen.taken++
        yield { entries: [{ key, entry }], reached: key, looked: 1 }
      }
    } finally {
      seen.ended = true
    }
  }
  return { seen, steps: steps() }
}

test.each(['ndjson', 'csv'] as const)('%s: reads no further than its reader, and ends with it', async (format) => {
  const { seen, steps } = endless()
  const text = await exportLogs(WRITERS[format], steps, Number.POSITIVE_INFINITY)
  expect(seen.taken).toBe(1)
  for (let read = 1; read <= 5; read++) {
    await once(text, 'readable')
    text.read()
    // One that is read, and one that waits to be.
    expect(seen.taken).toBeLessThanOrEqual(read + 1)
  }
  expect(seen.ended).toBe(false)
  text.destroy()
  await waitFor(() => seen.ended, { what: 'the scan has ended' })
})

test('no more than were asked for', async () => {
  const { seen, steps } = endless()
  const lines = (await (await exportLogs(WRITERS.ndjson, steps, 3)).toArray()).join('').trimEnd().split('\n')
  expect(lines).toHaveLength(3)
  expect(seen).toEqual({ taken: 3, ended: true })
})

test('a scan that fails before its first step fails the export before anything is sent', async () => {
  const failing: AsyncIterable<ScanStep> = {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('away')) }),
  }
  await expect(exportLogs(WRITERS.csv, failing, 1)).rejects.toThrow('away')
})

test('large logs are written out a few at a time, and others have their turns in between', async () => {
  const key = { stored_at_ms: 1, stream: 'S', seq: 1 }
  const entry = { storedAt: '', channel: 'c', message: 'x'.repeat(65_536), stream: 'S', seq: 1 }
  const steps = (async function* (): AsyncGenerator<ScanStep> {
    yield { entries: Array.from({ length: 256 }, () => ({ key, entry })), reached: undefined, looked: 1 }
  })()
  let turns = 0
  let isUnderWay = true
  const others = (async () => {
    for (; isUnderWay; turns++) await nextTurn()
  })()
  const parts = await (await exportLogs(WRITERS.csv, steps, Number.POSITIVE_INFINITY)).toArray()
  isUnderWay = false
  await others
  expect(parts.reduce((sum: number, part: Buffer) => sum + part.length, 0)).toBeGreaterThan(256 * 65_536)
  expect(turns).toBeGreaterThan(40)
})
