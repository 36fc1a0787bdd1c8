import { type Kysely, PostgresAdapter, type QueryCreator, sql } from 'kysely'
import type { LogRow, Tables } from '../database/tables.ts'
import { encodeKeys } from '../index/keys.ts'
import { type LogKey, nameOf } from './log-row.ts'

/** What one transaction has added. */
export interface Batch {
  /** Its number: one more than that of the transaction that was committed before. */
  readonly no: number
  /** Those that were not stored before, in the order in which the batch lists their keys. */
  readonly rows: readonly LogRow[]
}

/**
 * Stores the rows that are not stored yet, all in one transaction.
 *
 * @returns what it has added; undefined when all were stored before.
 */
export function saveRows(kysely: Kysely<Tables>, rows: readonly LogRow[]): Promise<Batch | undefined> {
  return kysely.transaction().execute((transaction) => insertRows(transaction, rows))
}

/** The same within a transaction. */
export async function insertRows(transaction: Kysely<Tables>, rows: readonly LogRow[]): Promise<Batch | undefined> {
  // No statement inserts nothing.
  if (rows.length === 0) return undefined
  // Instances that save in different orders would wait for each other for ever.
  const sorted = rows.toSorted(
    (a, b) => a.stored_at_ms - b.stored_at_ms || a.seq - b.seq || (a.stream < b.stream ? -1 : 1),
  )
  const added = await transaction
    .insertInto('logs')
    .values(sorted)
    .onConflict((conflict) => conflict.columns(['stored_at_ms', 'stream', 'seq']).doNothing())
    .returning(['stored_at_ms', 'stream', 'seq'])
    .execute()
  if (added.length === 0) return undefined
  const isNew = new Set(added.length === sorted.length ? [] : added.map(nameOf))
  const news = added.length === sorted.length ? sorted : sorted.filter((row) => isNew.delete(nameOf(row)))
  const bytes = news.reduce((sum, row) => sum + row.bytes, 0)
  const no = await addBatch(transaction, { entries: added.length, bytes, keys: encodeKeys(news) })
  return { no, rows: news }
}

/**
 * Numbers a batch and notes its keys. From here to the commit no other transaction has the row of the state, so batches are
 * committed in their order, and whoever sees one sees all before it.
 */
async function addBatch(
  transaction: Kysely<Tables>,
  { entries, bytes, keys }: Pick<Tables['log_batches'], 'entries' | 'bytes' | 'keys'>,
): Promise<number> {
  const counted = (kysely: QueryCreator<Tables>) =>
    kysely
      .updateTable('log_state')
      .set((state) => ({
        bytes: state('bytes', '+', bytes),
        entries: state('entries', '+', entries),
        last_batch: state('last_batch', '+', 1),
      }))
      .returning('last_batch')
  if (transaction.getExecutor().adapter instanceof PostgresAdapter) {
    // One statement, which SQLite does not know: each is a way to the server and back, and whoever saves next waits for it.
    const { no } = await transaction
      .with('counted', counted)
      .insertInto('log_batches')
      .columns(['no', 'entries', 'bytes', 'keys'])
      .expression((expression) =>
        expression
          .selectFrom('counted')
          .select([
            'last_batch',
            sql<number>`${entries}::integer`.as('entries'),
            sql<number>`${bytes}::bigint`.as('bytes'),
            sql<Uint8Array>`${keys}::bytea`.as('keys'),
          ]),
      )
      .returning('no')
      .executeTakeFirstOrThrow()
    return no
  }
  const { last_batch: no } = await counted(transaction).executeTakeFirstOrThrow()
  await transaction.insertInto('log_batches').values({ no, entries, bytes, keys }).execute()
  return no
}

/** Removes one row and its batch within the transaction that has added them; the next batch gets its number. */
export async function removeRow(
  transaction: Kysely<Tables>,
  { stored_at_ms, stream, seq }: LogKey,
  batch: Batch | undefined,
): Promise<void> {
  const removed = await transaction
    .deleteFrom('logs')
    .where('stored_at_ms', '=', stored_at_ms)
    .where('stream', '=', stream)
    .where('seq', '=', seq)
    .returning('bytes')
    .execute()
  if (batch) await transaction.deleteFrom('log_batches').where('no', '=', batch.no).execute()
  const bytes = removed.reduce((sum, row) => sum + row.bytes, 0)
  await transaction
    .updateTable('log_state')
    .set((state) => ({
      bytes: state('bytes', '-', bytes),
      entries: state('entries', '-', removed.length),
      last_batch: state('last_batch', '-', batch ? 1 : 0),
    }))
    .execute()
}
