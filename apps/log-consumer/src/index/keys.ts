import type { Order } from '../query/cursor.ts'
import type { LogKey } from '../store/log-row.ts'
import { ByteReader, ByteWriter } from './bytes.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Keys as bytes, some six each: neighbours differ by little. */
export function encodeKeys(keys: readonly LogKey[]): Uint8Array {
  const writer = new ByteWriter(keys.length * 8 + 32)
  const streams = [...new Set(keys.map(({ stream }) => stream))]
  writer.number(streams.length)
  for (const stream of streams) {
    const name = encoder.encode(stream)
    writer.number(name.length)
    writer.bytes(name)
  }
  const places = new Map(streams.map((stream, place) => [stream, place]))
  let before = { stored_at_ms: 0, seq: 0 }
  for (const key of keys) {
    writer.difference(key.stored_at_ms - before.stored_at_ms)
    writer.number(places.get(key.stream) as number)
    writer.difference(key.seq - before.seq)
    before = key
  }
  return writer.copy()
}

/** @throws RangeError for bytes that `encodeKeys` has not made. */
export function decodeKeys(bytes: Uint8Array): readonly LogKey[] {
  const reader = new ByteReader(bytes)
  const streams = Array.from({ length: reader.number() }, () => decoder.decode(reader.bytes(reader.number())))
  const keys: LogKey[] = []
  let stored_at_ms = 0
  let seq = 0
  while (!reader.isAtEnd) {
    stored_at_ms += reader.difference()
    const stream = streams[reader.number()]
    seq += reader.difference()
    if (stream === undefined) throw new RangeError('the index names a stream that it does not list; it is damaged')
    keys.push({ stored_at_ms, stream, seq })
  }
  return keys
}

/** The order of keys: by time, then stream by its code units, then sequence. */
export function compareKeys(a: LogKey, b: LogKey): number {
  return a.stored_at_ms - b.stored_at_ms || (a.stream === b.stream ? a.seq - b.seq : a.stream < b.stream ? -1 : 1)
}

/** Negative where `a` comes before `b`. */
export function compareIn(order: Order): (a: LogKey, b: LogKey) => number {
  return order === 'asc' ? compareKeys : (a, b) => compareKeys(b, a)
}
