import { expect, test } from 'vitest'
import { InFlightTable, type Waiting } from './in-flight-table.ts'

const entry = (): Waiting => ({ token: '', order: 0 })

test('finds by token, counts, and lists in the order of adding', () => {
  const table = new InFlightTable()
  const [first, second, third] = [entry(), entry(), entry()]
  table.add(first)
  table.add(second)
  table.delete(first)
  table.add(third)
  expect(table.size).toBe(2)
  expect(table.get(second.token)).toBe(second)
  expect(table.get(third.token)).toBe(third)
  expect(table.entries()).toEqual([second, third])
})

test('a late answer does not meet the next user of the place', () => {
  const table = new InFlightTable()
  const [first, second] = [entry(), entry()]
  table.add(first)
  table.delete(first)
  table.add(second)
  expect(table.get(first.token)).toBeUndefined()
  expect(table.has(first)).toBe(false)
  table.delete(first)
  expect(table.has(second)).toBe(true)
})

test.each(['', '-', 'zzz', '0', '0-zz', '9-0'])('an unknown token %j finds nothing', (token) => {
  const table = new InFlightTable()
  table.add(entry())
  expect(table.get(token)).toBeUndefined()
})
