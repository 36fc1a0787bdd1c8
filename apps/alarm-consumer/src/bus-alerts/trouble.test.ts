import { expect, test } from 'vitest'
import { began, dueOf, found, happened, toldOf, type Trouble, type TroubleKind } from './trouble.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const times = { pauseMs: 5 * MINUTE }
const AT = Date.parse('2026-01-01T00:00:00Z')
const start = (kind: TroubleKind): Trouble => began({ kind, stream: 'S', consumer: 'c', reason: '' }, 1, AT, AT, times)

/** Tells whenever something is due, looking every 5 s for `forMs`, while `step` says what happens. */
function told(trouble: Trouble, forMs: number, step: (trouble: Trouble, now: number) => Trouble): readonly string[] {
  const all: string[] = []
  for (let now = AT; now <= AT + forMs; now += 5_000) {
    trouble = step(trouble, now)
    const due = dueOf(trouble, now, times)
    if (due === undefined) continue
    all.push(`${due} ${Math.round((now - AT) / MINUTE)}`)
    if (due === 'over') return all
    trouble = toldOf(trouble, trouble.count, now, times)
  }
  return all
}

test('what goes on is told at growing distances, up to one a day', () => {
  const all = told(start('deadLetters'), 72 * HOUR, (trouble, now) => happened(trouble, 1, now))
  const minutes = all.map((line) => Number(line.split(' ')[1]))
  expect(all.slice(0, 5)).toEqual(['began 0', 'goesOn 5', 'goesOn 20', 'goesOn 65', 'goesOn 200'])
  expect(minutes.slice(1).every((minute, index) => minute - (minutes[index] ?? 0) <= 24 * 60)).toBe(true)
  expect(all.length).toBeLessThan(11)
})

test('what happened once is told once, and that it is over after a quarter of an hour', () => {
  expect(told(start('deadLetters'), HOUR, (trouble) => trouble)).toEqual(['began 0', 'over 15'])
})

test('a state is told while it lasts, and ends as soon as it does', () => {
  const lasts = (trouble: Trouble, now: number): Trouble => found(trouble, now - AT < 30 * MINUTE, 7, now)
  expect(told(start('stalled'), HOUR, lasts)).toEqual(['began 0', 'goesOn 5', 'goesOn 20', 'over 30'])
})

test.each([-30 * 24 * HOUR, 30 * 24 * HOUR])('a clock that is set by %i ms silences nothing', (ms) => {
  const trouble = toldOf(start('deadLetters'), 1, AT, times)
  const later = happened(trouble, 1, AT + ms)
  expect(dueOf(later, AT + ms, times)).toBe('goesOn')
})
