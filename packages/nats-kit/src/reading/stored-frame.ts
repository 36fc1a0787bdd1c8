import type { Msg } from '@nats-io/transport-node'
import { headerBytesOf } from '../codec/received.ts'

/** A message as the stream holds it. */
export interface StoredFrame {
  readonly kind: 'message'
  readonly seq: number
  readonly storedAt: Date
  /** Sequence of the message before it in the same answer, 0 for the first. */
  readonly lastSeq: number
  readonly data: Uint8Array
  /** The publisher's header block, undefined where there was none. */
  readonly headerBytes: Uint8Array | undefined
}

/** What the server answers to a batched direct get: messages, then how it ended. */
export type Frame =
  | StoredFrame
  /** `pending` messages of the subject follow the one with `lastSeq`. */
  | { readonly kind: 'end'; readonly pending: number; readonly lastSeq: number }
  /** No message of the subject is at or after the asked sequence. */
  | { readonly kind: 'none' }
  /** Nothing answers: the stream is not there, has no leader, or does not allow direct gets. */
  | { readonly kind: 'nobody' }
  | { readonly kind: 'refused'; readonly status: string }

/**
 * What the server writes behind a stored message's own headers, in its own order. Read from the end: what is before it
 * was written by others, who may write the same names.
 */
const STORED =
  /Nats-Stream: [^\r\n]*\r\nNats-Subject: [^\r\n]*\r\nNats-Sequence: (\d+)\r\nNats-Time-Stamp: ([^\r\n]+)\r\nNats-Num-Pending: \d+\r\nNats-Last-Sequence: (\d+)\r\n\r\n$/
const END = /^NATS\/1\.0 204 [^\r\n]*\r\nNats-Num-Pending: (\d+)\r\nNats-Last-Sequence: (\d+)\r\n/
const HEAD = 'NATS/1.0\r\n'

/** Never throws. */
export function readFrame(message: Msg): Frame {
  const head = headerBytesOf(message)
  // One byte a character, so that positions in the text are positions in the bytes.
  const text = head === undefined ? '' : Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1')
  const stored = STORED.exec(text)
  if (stored && head) {
    return {
      kind: 'message',
      seq: Number(stored[1]),
      storedAt: new Date(stored[2] as string),
      lastSeq: Number(stored[3]),
      data: message.data,
      headerBytes: ownHeaders(text.slice(0, stored.index)),
    }
  }
  const end = END.exec(text)
  if (end) return { kind: 'end', pending: Number(end[1]), lastSeq: Number(end[2]) }
  const status = text.slice('NATS/1.0 '.length).split('\r\n')[0] ?? ''
  if (status.startsWith('404')) return { kind: 'none' }
  if (status.startsWith('503')) return { kind: 'nobody' }
  return { kind: 'refused', status }
}

/** The server writes its lines over the line break that ends a block. */
function ownHeaders(text: string): Uint8Array | undefined {
  return text === HEAD || text === '' ? undefined : Buffer.from(`${text}\r\n`, 'latin1')
}
