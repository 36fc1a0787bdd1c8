import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { type DeadLetterNotice, readFromCursor } from './read-dead-letters.ts'
import { WATCH_CONSUMER } from './watch-consumer.ts'

/** Letters of one request. */
const BATCH = 500

/** Up to which letter one cursor was read. */
export interface CursorPosition {
  /** When the cursor was made, as the server says it. One that was made again says nothing of what was read before. */
  readonly created: string
  readonly seq: number
  /** When that letter was stored, in nanoseconds of the Unix epoch. */
  readonly nanos: string
  /** While letters are read again after the cursor was made again: those up to this time are known. */
  readonly knownUpTo?: string
}

export interface CursorRead {
  readonly notices: readonly DeadLetterNotice[]
  readonly position: CursorPosition
  readonly more: boolean
}

/**
 * Reads on from a position, one batch.
 *
 * @throws what the client throws, and KitError as `readFromCursor`.
 */
export async function readOn(
  connection: Connection,
  manager: JetStreamManager,
  stream: string,
  after: CursorPosition | undefined,
): Promise<CursorRead> {
  const info = await manager.consumers.info(stream, WATCH_CONSUMER)
  const start = startOf(info, after)
  // Nothing came, and nobody else has moved the cursor on.
  if (info.num_pending === 0 && info.delivered.stream_seq <= start.seq && after?.created === start.created)
    return { notices: [], position: start, more: false }
  const { num_pending: waiting } = await manager.consumers.reset(stream, WATCH_CONSUMER, start.seq + 1)
  if (waiting === 0) return { notices: [], position: done(start), more: false }
  const cursor = { stream, consumer: WATCH_CONSUMER, after: start.seq, waiting }
  const read = await readFromCursor(connection, cursor, BATCH)
  // Another reader has moved the cursor, or an answer was lost: once more from here.
  if (!read) return { notices: [], position: start, more: true }
  // Fewer than there were: the answer was cut, or some were removed meanwhile. The next call tells.
  const more = read.length === BATCH || read.length < waiting
  const { seq, storedNanos: nanos } = read.at(-1) ?? { seq: start.seq, storedNanos: start.nanos }
  const position = { ...start, seq, nanos }
  const { knownUpTo } = start
  const notices = knownUpTo === undefined ? read : read.filter((one) => BigInt(one.storedNanos) > BigInt(knownUpTo))
  return { notices, position: more ? position : done(position), more }
}

/** How many letters there are. Moves the cursor, as every reading does. */
export async function countLetters(manager: JetStreamManager, stream: string): Promise<number> {
  return (await manager.consumers.reset(stream, WATCH_CONSUMER, 1)).num_pending
}

function startOf(info: ConsumerInfo, after: CursorPosition | undefined): CursorPosition {
  const created = String(info.created)
  if (after === undefined) return { created, seq: 0, nanos: '0' }
  if (after.created === created) return after
  return { created, seq: 0, nanos: after.nanos, knownUpTo: after.knownUpTo ?? after.nanos }
}

function done({ created, seq, nanos }: CursorPosition): CursorPosition {
  return { created, seq, nanos }
}
