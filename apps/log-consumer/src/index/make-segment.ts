import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Logger } from '@alarm-bus/nats-kit'
import { type Kysely, sql, type UpdateResult } from 'kysely'
import type { Database } from '../database/database.ts'
import { isRowFault } from '../database/is-row-fault.ts'
import type { Tables } from '../database/tables.ts'
import { keysOnTheWay } from '../query/scan-logs.ts'
import type { LogKey } from '../store/log-row.ts'
import type { RecentRows } from '../store/recent-rows.ts'
import { compareKeys } from './keys.ts'
import { addSegment, batchesAfter, type KeyBatch, stateOf, sumAfter } from './log-index.ts'
import { SEGMENT_ROWS } from './postings.ts'
import { type IndexedRow, SegmentBuilder } from './segment-builder.ts'

/** Of all rows of a segment, as `bytes` counts them: what is made of them takes about as much memory. */
const MAX_SEGMENT_BYTES = 16 * 1_024 * 1_024
/** Batches that one look takes. */
const MAX_BATCHES = 4_096
/** Rows that are read together: at their largest about 16 MiB. */
const READ_ROWS = 256
/** Characters that are taken apart in one go: some milliseconds, then others have their turn. */
const TURN_CHARACTERS = 65_536

/** Another instance was faster. */
class OvertakenError extends Error {
  override readonly name = 'OvertakenError'
}

/**
 * Makes a segment of the first batches that are in none, once there are enough.
 *
 * @param recent spares reading what it has.
 * @param segmentRows only a test gives fewer.
 * @returns whether it did, and there may be more to do.
 */
export async function indexBatches(
  database: Database,
  recent: RecentRows,
  signal: AbortSignal,
  segmentRows = SEGMENT_ROWS,
): Promise<boolean> {
  const { kysely } = database
  const { indexedBatch } = await stateOf(kysely)
  const { entries, bytes } = await sumAfter(kysely, indexedBatch)
  if (entries < segmentRows && bytes < MAX_SEGMENT_BYTES) return false
  const batches = firstOf(await batchesAfter(kysely, indexedBatch, MAX_BATCHES), segmentRows)
  const last = batches.at(-1)
  if (!last) return false
  const known = batches.map((batch) => ({ batch, rows: recent.get(batch.no) }))
  const missing = known.flatMap(({ batch, rows }) => (rows ? [] : batch.keys))
  const read = await readRows(database, missing, signal)
  const builder = await builderOf([...known.flatMap(({ rows }) => rows ?? []), ...read])
  return store(database, builder, signal, (transaction) =>
    transaction
      .updateTable('log_state')
      .set({ indexed_batch: last.no })
      .where('indexed_batch', '=', indexedBatch)
      .executeTakeFirst(),
  )
}

/** The batches of one segment: at least one, and no more rows than fit. */
function firstOf(batches: readonly KeyBatch[], segmentRows: number): readonly KeyBatch[] {
  let entries = 0
  let bytes = 0
  const end = batches.findIndex((batch, index) => {
    entries += batch.keys.length
    bytes += batch.bytes
    return index > 0 && (entries > segmentRows || bytes > MAX_SEGMENT_BYTES)
  })
  return end === -1 ? batches : batches.slice(0, end)
}

/**
 * Makes a segment of rows that an older version has stored, the newest first.
 *
 * @returns whether there may be more to do.
 */
export async function indexUnindexed(
  database: Database,
  signal: AbortSignal,
  logger: Logger,
  segmentRows = SEGMENT_ROWS,
): Promise<boolean> {
  const { unindexed } = await stateOf(database.kysely)
  if (!unindexed) return false
  const rows = await keysOnTheWay(database, { order: 'desc' }, unindexed, segmentRows)
  let bytes = 0
  const taken = rows.filter((row, index) => (bytes += row.bytes) <= MAX_SEGMENT_BYTES || index === 0)
  const next = taken.length === rows.length && rows.length < segmentRows ? undefined : taken.at(-1)
  const builder = await builderOf(await readRows(database, taken, signal))
  const isStored = await store(database, builder, signal, (transaction) =>
    transaction
      .updateTable('log_state')
      .set({
        unindexed_ms: next?.stored_at_ms ?? null,
        unindexed_stream: next?.stream ?? null,
        unindexed_seq: next?.seq ?? null,
      })
      .where('unindexed_ms', '=', unindexed.stored_at_ms)
      .where('unindexed_stream', '=', unindexed.stream)
      .where('unindexed_seq', '=', unindexed.seq)
      .executeTakeFirst(),
  )
  if (isStored && !next) logger.info({ event: 'logsIndexed' }, 'all logs of an older version are indexed')
  return isStored
}

/** Rows that are gone meanwhile are left out. */
async function readRows(
  { kysely, picked }: Database,
  keys: readonly LogKey[],
  signal: AbortSignal,
): Promise<readonly IndexedRow[]> {
  const read: IndexedRow[] = []
  for (let start = 0; start < keys.length; start += READ_ROWS) {
    signal.throwIfAborted()
    const { rows } = await sql<IndexedRow>`
      select stored_at_ms, stream, seq, channel, message_id, request_id, search
      from ${picked(keys.slice(start, start + READ_ROWS))}`.execute(kysely)
    read.push(...rows)
  }
  return read
}

async function builderOf(rows: readonly IndexedRow[]): Promise<SegmentBuilder> {
  const builder = new SegmentBuilder()
  let characters = 0
  for (const row of rows.toSorted(compareKeys)) {
    builder.add(row)
    characters += row.search.length
    if (characters < TURN_CHARACTERS) continue
    characters = 0
    await nextTurn()
  }
  return builder
}

/** @param claim says what is indexed now, and changes nothing where another instance has said so. */
async function store(
  { kysely }: Database,
  builder: SegmentBuilder,
  signal: AbortSignal,
  claim: (transaction: Kysely<Tables>) => Promise<UpdateResult>,
): Promise<boolean> {
  const parts = await builder.finish()
  signal.throwIfAborted()
  try {
    await kysely.transaction().execute(async (transaction) => {
      await addSegment(transaction, builder, parts)
      // Last, since saves wait for that row from here to the commit.
      const { numUpdatedRows } = await claim(transaction)
      if (numUpdatedRows !== 1n) throw new OvertakenError('another instance has indexed these rows')
    })
    return true
  } catch (error) {
    if (error instanceof OvertakenError || isRowFault(error)) return false
    throw error
  }
}
