import { expect, test } from 'vitest'
import { createPlaces, type Place } from './places.ts'

const IDLE_MS = 1_000

function setUp(most: number) {
  let nowMs = 0
  const places = createPlaces({ most, idleMs: IDLE_MS, now: () => nowMs })
  const gaveWay: string[] = []
  return {
    gaveWay,
    /** A millisecond later than what was before. */
    take(client: string, name = client): Place | undefined {
      nowMs++
      return places.take(client, () => gaveWay.push(name))
    },
    pass: (ms: number) => void (nowMs += ms),
  }
}

test('a client alone has all places, and none more', () => {
  const { take, gaveWay } = setUp(3)
  const [first] = [take('a'), take('a'), take('a')]
  expect(take('a')).toBeUndefined()
  first?.leave()
  first?.leave()
  expect(take('a')).toBeDefined()
  expect(take('a')).toBeUndefined()
  expect(gaveWay).toEqual([])
})

test('a client below its share takes from one above it, which keeps its own share', () => {
  const { take, gaveWay } = setUp(4)
  const places = [take('a', 'a0'), take('a', 'a1'), take('a', 'a2'), take('a', 'a3')]
  places[0]?.moved()
  expect(take('b', 'b0')).toBeDefined()
  expect(take('b', 'b1')).toBeDefined()
  // Those that stood still for longest.
  expect(gaveWay).toEqual(['a1', 'a2'])
  expect(take('b')).toBeUndefined()
  expect(take('a')).toBeUndefined()
  // A third: one place each, and one more for the client that had it.
  expect(take('c', 'c0')).toBeDefined()
  expect(gaveWay).toHaveLength(3)
  expect(take('c')).toBeUndefined()
})

test('what stands still gives way to anybody, the same client too', () => {
  const { take, gaveWay, pass } = setUp(2)
  take('a', 'a0')
  const second = take('a', 'a1')
  pass(IDLE_MS)
  second?.moved()
  expect(take('a', 'a2')).toBeDefined()
  expect(gaveWay).toEqual(['a0'])
  expect(take('a')).toBeUndefined()
})

test('more clients than places: one each, and the others retry', () => {
  const { take, gaveWay } = setUp(2)
  expect([take('a'), take('b')].every(Boolean)).toBe(true)
  expect(take('c')).toBeUndefined()
  expect(gaveWay).toEqual([])
})

test('who has given way leaves nothing of others', () => {
  const { take } = setUp(2)
  const old = take('a')
  take('a')
  expect(take('b')).toBeDefined()
  old?.leave()
  expect(take('c')).toBeUndefined()
})
