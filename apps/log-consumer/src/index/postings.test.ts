import { expect, test } from 'vitest'
import { ByteWriter } from './bytes.ts'
import { decodeKeys, encodeKeys } from './keys.ts'
import { allRows, intersect, isEmpty, membersOf, readPosting, SEGMENT_ROWS, unite, writePosting } from './postings.ts'

/** Rows of a segment, each with this probability: the same for the same seed. */
function someRows(probability: number, seed: number): readonly number[] {
  return Array.from({ length: SEGMENT_ROWS }, (_, row) => row).filter(
    (row) => (Math.imul(row + seed, 0x9e3779b1) >>> 0) / 2 ** 32 < probability,
  )
}

test('a bucket has each of its tokens, rare, common and in every row, and no other', () => {
  const tokens = [0, 0.00005, 0.01, 0.12, 0.13, 0.5, 0.999, 1].map((probability, index) => ({
    number: index * index * 7,
    rows: probability === 0 ? [SEGMENT_ROWS - 1] : someRows(probability, index),
  }))
  const writer = new ByteWriter(1)
  let before = 0
  for (const { number, rows } of tokens) {
    writePosting(writer, new ByteWriter(1), number - before, Uint16Array.from(rows))
    before = number
  }
  for (const { number, rows } of tokens) {
    const read = readPosting(writer.copy(), number)
    expect(read && membersOf(read, 0, SEGMENT_ROWS)).toEqual(rows)
  }
  for (const number of [1, 6, 8, 511]) expect(readPosting(writer.copy(), number)).toBeUndefined()
})

test('sets: all of a segment that is not full, both, either, none', () => {
  for (const count of [0, 1, 31, 32, 33, 300, SEGMENT_ROWS])
    expect(membersOf(allRows(count), 0, SEGMENT_ROWS)).toEqual(Array.from({ length: count }, (_, row) => row))
  const rows = allRows(100)
  intersect(rows, allRows(40))
  unite(rows, allRows(50))
  expect(membersOf(rows, 45, 60)).toEqual([45, 46, 47, 48, 49])
  intersect(rows, undefined)
  expect(isEmpty(rows)).toBe(true)
})

test('keys come back as they were, however far apart', () => {
  const keys = [
    { stored_at_ms: 0, stream: 'S', seq: 0 },
    { stored_at_ms: 2 ** 52 - 1, stream: '알람', seq: 2 ** 52 - 1 },
    { stored_at_ms: 1_777_593_600_000, stream: 'S', seq: 1 },
    { stored_at_ms: 1_777_593_600_000, stream: 'S', seq: 2 },
  ]
  expect(decodeKeys(encodeKeys(keys))).toEqual(keys)
  expect(decodeKeys(encodeKeys([]))).toEqual([])
  expect(() => decodeKeys(encodeKeys(keys).slice(0, -1))).toThrow('damaged')
})
