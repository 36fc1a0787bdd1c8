import { z } from 'zod'
import type { LogKey } from '../store/log-row.ts'

/** Newest first, or oldest first. */
export type Order = 'desc' | 'asc'

export interface Cursor {
  readonly order: Order
  readonly key: LogKey
}

/** Longer ones are none of ours: a stream's name has 255 characters at most. */
const MAX_CURSOR_CHARACTERS = 1_024

/** What the broker lets a stream be called; nothing that a database would refuse. */
const STREAM = /^[^\s.*>/\\\p{C}]{1,255}$/u

const contents = z.tuple([z.enum(['desc', 'asc']), z.int().min(0), z.string().regex(STREAM), z.int().min(0)])

/** Opaque to clients, so that what is in it may change. */
export function encodeCursor({ order, key }: Cursor): string {
  return Buffer.from(JSON.stringify([order, key.stored_at_ms, key.stream, key.seq])).toString('base64url')
}

/** @returns undefined for anything that `encodeCursor` has not made. */
export function decodeCursor(text: string): Cursor | undefined {
  if (text.length > MAX_CURSOR_CHARACTERS || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined
  try {
    const [order, stored_at_ms, stream, seq] = contents.parse(JSON.parse(Buffer.from(text, 'base64url').toString()))
    return { order, key: { stored_at_ms, stream, seq } }
  } catch {
    return undefined
  }
}
