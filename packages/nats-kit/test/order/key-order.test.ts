import { expect, test } from 'vitest'
import { KeyOrder } from '../../src/handling/key-order.ts'
import { Dice } from '../dice.ts'

test('whatever comes when, comes twice, goes back and ends: one message of a key has its turn, the earliest here', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const dice = new Dice(seed)
    const order = new KeyOrder()
    const keyOf = (seq: number): string => `k${seq % 4}`
    const left = Array.from({ length: 60 }, (_, seq) => seq + 1)
    const ended: number[] = []
    const running = new Set<number>()
    const here = new Set<number>()
    const away = new Set<number>()
    const begin = (seq: number | undefined): void => {
      if (seq === undefined || !here.has(seq)) return
      const others = [...here, ...away].filter((other) => keyOf(other) === keyOf(seq))
      expect(Math.min(...others), `seed ${seed}`).toBe(seq)
      expect(
        [...running].some((other) => keyOf(other) === keyOf(seq)),
        `seed ${seed}`,
      ).toBe(false)
      running.add(seq)
    }
    while (ended.length < 60) {
      const roll = dice.int(1, 10)
      if (roll <= 5 && left.length > 0) {
        const seq = left.shift() as number
        here.add(seq)
        if (order.take(seq, keyOf(seq))) begin(seq)
      } else if (roll <= 6 && away.size > 0) {
        const seq = dice.pick([...away])
        away.delete(seq)
        here.add(seq)
        if (order.take(seq, keyOf(seq))) begin(seq)
      } else if (roll <= 7 && here.size > 0) {
        // It goes back, running or not, and is waited for.
        const seq = dice.pick([...here])
        here.delete(seq)
        running.delete(seq)
        away.add(seq)
        order.wentBack(seq, Infinity)
      } else if (running.size > 0) {
        const seq = dice.pick([...running])
        running.delete(seq)
        here.delete(seq)
        ended.push(seq)
        begin(order.ended(seq))
      }
    }
    expect(order.size).toBe(0)
    for (const key of ['k0', 'k1', 'k2', 'k3']) {
      const of = ended.filter((seq) => keyOf(seq) === key)
      expect(of, `seed ${seed}`).toEqual(of.toSorted((a, b) => a - b))
    }
  }
})

test('what is to come of the process before is waited for, until it is here, has its verdict elsewhere, or is overdue', () => {
  for (const end of ['here', 'elsewhere', 'overdue'] as const) {
    const order = new KeyOrder()
    order.begins(10, 2, 1_000)
    expect(order.take(11, 'a')).toBe(false)
    expect(order.isEarly(11)).toBe(true)
    expect(order.take(9, 'a')).toBe(false)
    expect(order.due(999)).toEqual([])
    if (end === 'here') expect(order.take(10, 'b')).toBe(false)
    else if (end === 'elsewhere') order.settledUpTo(10)
    expect(order.due(end === 'overdue' ? 1_000 : 0)).toEqual(end === 'here' ? [9, 10] : [9])
    expect(order.ended(9)).toBe(11)
  }
})

test('what went back and never comes again is waited for no longer than that', () => {
  const order = new KeyOrder()
  expect(order.take(1, 'a')).toBe(true)
  expect(order.take(2, 'a')).toBe(false)
  order.wentBack(1, 500)
  expect(order.isComplete).toBe(false)
  expect(order.due(499)).toEqual([])
  expect(order.due(500)).toEqual([2])
})
