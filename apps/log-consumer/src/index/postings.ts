import type { ByteWriter } from './bytes.ts'
import { ByteReader } from './bytes.ts'

/** Rows of a segment at most. */
export const SEGMENT_ROWS = 16_384
const WORDS = SEGMENT_ROWS / 32
const BITMAP_BYTES = SEGMENT_ROWS / 8
/** From so many rows on, a bit for each row of the segment takes less than the distances between them. */
const DENSE = BITMAP_BYTES

/** A set of a segment's rows: a bit for each. */
export type RowSet = Uint32Array

export function allRows(count: number): RowSet {
  const rows = new Uint32Array(WORDS)
  rows.fill(0xffffffff, 0, count >>> 5)
  if (count % 32 !== 0) rows[count >>> 5] = 2 ** (count % 32) - 1
  return rows
}

/** Leaves in `rows` what is in both. */
export function intersect(rows: RowSet, other: RowSet | undefined): void {
  if (!other) rows.fill(0)
  else for (let index = 0; index < WORDS; index++) rows[index] = (rows[index] as number) & (other[index] as number)
}

/** Adds to `rows` what is in the other. */
export function unite(rows: RowSet, other: RowSet | undefined): void {
  if (other)
    for (let index = 0; index < WORDS; index++) rows[index] = (rows[index] as number) | (other[index] as number)
}

export function isEmpty(rows: RowSet): boolean {
  return rows.every((word) => word === 0)
}

/** The rows from `start` on and before `end`, in rising order. */
export function membersOf(rows: RowSet, start: number, end: number): number[] {
  const members: number[] = []
  for (let place = start; place < end; place++)
    if ((((rows[place >>> 5] as number) >>> (place & 31)) & 1) === 1) members.push(place)
  return members
}

/**
 * Writes which rows have the token with this number within its bucket. Tokens come in rising order.
 *
 * @param gap how much the number is above the one before.
 * @param rows in rising order.
 */
export function writePosting(writer: ByteWriter, scratch: ByteWriter, gap: number, rows: Uint16Array): void {
  writer.number(gap)
  writer.number(rows.length)
  if (rows.length >= DENSE) {
    const bits = new Uint8Array(BITMAP_BYTES)
    for (const row of rows) bits[row >>> 3] = (bits[row >>> 3] as number) | (1 << (row & 7))
    writer.bytes(bits)
    return
  }
  scratch.clear()
  let before = 0
  for (const row of rows) {
    scratch.number(row - before)
    before = row
  }
  writer.number(scratch.length)
  writer.bytes(scratch.view())
}

/** The rows of one token, read from its bucket; undefined when none has it. */
export function readPosting(bucket: Uint8Array, number: number): RowSet | undefined {
  const reader = new ByteReader(bucket)
  for (let current = 0; !reader.isAtEnd;) {
    current += reader.number()
    const count = reader.number()
    const length = count >= DENSE ? BITMAP_BYTES : reader.number()
    const bytes = reader.bytes(length)
    if (current > number) return undefined
    if (current === number) return count >= DENSE ? ofBits(bytes) : ofDistances(bytes)
  }
  return undefined
}

function ofBits(bytes: Uint8Array): RowSet {
  const rows = new Uint32Array(WORDS)
  new Uint8Array(rows.buffer).set(bytes)
  return rows
}

function ofDistances(bytes: Uint8Array): RowSet {
  const rows = new Uint32Array(WORDS)
  const reader = new ByteReader(bytes)
  for (let row = 0; !reader.isAtEnd;) {
    row += reader.number()
    rows[row >>> 5] = (rows[row >>> 5] as number) | (1 << (row & 31))
  }
  return rows
}
