import type { Kysely } from 'kysely'
import type { Database } from '../database/database.ts'
import type { SegmentRow, Tables } from '../database/tables.ts'
import type { LogKey } from '../store/log-row.ts'
import { decodeKeys } from './keys.ts'
import type { Part, SegmentBuilder } from './segment-builder.ts'
import { partId, SLOTS } from './slots.ts'

/** Parts that one statement writes. */
const STATEMENT_PARTS = 256
/** A part's own header and key, in bytes. */
const PART_OVERHEAD_BYTES = 40

export interface IndexState {
  readonly lastBatch: number
  /** Batches up to this one are in segments. */
  readonly indexedBatch: number
  /** Rows below this key may be in no batch and no segment. */
  readonly unindexed: LogKey | undefined
}

export async function stateOf(kysely: Kysely<Tables>): Promise<IndexState> {
  const row = await kysely
    .selectFrom('log_state')
    .select(['last_batch', 'indexed_batch', 'unindexed_ms', 'unindexed_stream', 'unindexed_seq'])
    .executeTakeFirstOrThrow()
  const { unindexed_ms: stored_at_ms, unindexed_stream: stream, unindexed_seq: seq } = row
  const unindexed = stored_at_ms === null ? undefined : { stored_at_ms, stream: stream ?? '', seq: seq ?? 0 }
  return { lastBatch: row.last_batch, indexedBatch: row.indexed_batch, unindexed }
}

/** What the batches after this one have added: rows, and their bytes. */
export async function sumAfter(
  kysely: Kysely<Tables>,
  batch: number,
): Promise<{ readonly entries: number; readonly bytes: number }> {
  const { entries, bytes } = await kysely
    .selectFrom('log_batches')
    .select(({ fn }) => [
      fn.sum<number | string | null>('entries').as('entries'),
      fn.sum<number | string | null>('bytes').as('bytes'),
    ])
    .where('no', '>', batch)
    .executeTakeFirstOrThrow()
  return { entries: Number(entries ?? 0), bytes: Number(bytes ?? 0) }
}

export interface KeyBatch {
  readonly no: number
  readonly bytes: number
  readonly keys: readonly LogKey[]
}

/** The first batches after this one, at most so many. */
export async function batchesAfter(kysely: Kysely<Tables>, batch: number, limit: number): Promise<readonly KeyBatch[]> {
  const rows = await kysely
    .selectFrom('log_batches')
    .select(['no', 'bytes', 'keys'])
    .where('no', '>', batch)
    .orderBy('no')
    .limit(limit)
    .execute()
  return rows.map(({ no, bytes, keys }) => ({ no, bytes: Number(bytes), keys: decodeKeys(keys) }))
}

export function segmentsOf(kysely: Kysely<Tables>): Promise<SegmentRow[]> {
  return kysely.selectFrom('log_segments').selectAll().execute()
}

export function firstKey(segment: SegmentRow): LogKey {
  return { stored_at_ms: segment.min_ms, stream: segment.min_stream, seq: segment.min_seq }
}

export function lastKey(segment: SegmentRow): LogKey {
  return { stored_at_ms: segment.max_ms, stream: segment.max_stream, seq: segment.max_seq }
}

/** Parts by their numbers; one that is empty is not there. */
export async function readParts(database: Database, ids: readonly number[]): Promise<ReadonlyMap<number, Uint8Array>> {
  if (ids.length === 0) return new Map()
  const rows = await database.kysely
    .selectFrom('log_index')
    .select(['id', 'data'])
    .where(database.among('id', ids))
    .execute()
  return new Map(rows.map(({ id, data }) => [id, data]))
}

/** Adds a segment within a transaction. Fails where another instance has added one at the same time. */
export async function addSegment(
  transaction: Kysely<Tables>,
  { keys, unlimited }: Pick<SegmentBuilder, 'keys' | 'unlimited'>,
  parts: readonly Part[],
): Promise<void> {
  const [first, last] = [keys[0], keys.at(-1)]
  if (!first || !last) return
  const { id: before } = await transaction
    .selectFrom('log_segments')
    .select(({ fn }) => fn.max('id').as('id'))
    .executeTakeFirstOrThrow()
  const id = Number(before ?? 0) + 1
  await transaction
    .insertInto('log_segments')
    .values({
      id,
      entries: keys.length,
      bytes: parts.reduce((sum, { data }) => sum + data.length + PART_OVERHEAD_BYTES, 0),
      unlimited,
      min_ms: first.stored_at_ms,
      min_stream: first.stream,
      min_seq: first.seq,
      max_ms: last.stored_at_ms,
      max_stream: last.stream,
      max_seq: last.seq,
    })
    .execute()
  for (let start = 0; start < parts.length; start += STATEMENT_PARTS) {
    const some = parts.slice(start, start + STATEMENT_PARTS)
    await transaction
      .insertInto('log_index')
      .values(some.map(({ slot, data }) => ({ id: partId(id, slot), data })))
      .execute()
  }
}

export function removeSegment(kysely: Kysely<Tables>, id: number): Promise<void> {
  return kysely.transaction().execute(async (transaction) => {
    await transaction.deleteFrom('log_segments').where('id', '=', id).execute()
    await transaction
      .deleteFrom('log_index')
      .where('id', '>=', partId(id, 0))
      .where('id', '<', partId(id, SLOTS))
      .execute()
  })
}
