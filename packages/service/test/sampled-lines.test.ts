import { waitFor } from '@alarm-bus/nats-kit/testing'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { sampledLines } from '../src/sampled-lines.ts'

function collect(level = 'info') {
  const lines: Record<string, unknown>[] = []
  const logger = pino({ level }, { write: (text) => void lines.push(JSON.parse(text) as Record<string, unknown>) })
  return { lines, logger }
}

test('the first of each kind are written, the others are counted and summed up', async () => {
  const { lines, logger } = collect()
  const write = sampledLines(logger, 50)
  for (let count = 0; count < 1_000; count++) write('info', 'refused', { event: 'refused', count }, 'refused')
  write('warn', 'other', { event: 'other' }, 'other')
  expect(lines.filter(({ event }) => event === 'refused').map(({ count }) => count)).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
  ])
  expect(lines.filter(({ event }) => event === 'other')).toHaveLength(1)
  const summary = await waitFor(() => lines.find(({ event }) => event === 'linesLeftOut'), { what: 'the sum' })
  expect(summary).toMatchObject({ level: 30, kind: 'refused', leftOut: 990, windowMs: 50 })
  write('info', 'refused', { event: 'refused', count: 'again' }, 'refused')
  expect(lines.at(-1)).toMatchObject({ count: 'again' })
})

test('a level that is off costs nothing and is no sum', () => {
  const { lines, logger } = collect('error')
  const write = sampledLines(logger, 1)
  for (let count = 0; count < 100; count++) write('info', 'refused', {}, 'refused')
  expect(lines).toEqual([])
})
