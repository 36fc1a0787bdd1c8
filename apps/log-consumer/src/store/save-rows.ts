import type { Kysely } from 'kysely'
import type { LogRow, Tables } from '../database/tables.ts'
import type { LogKey } from './log-row.ts'

/**
 * Stores the rows that are not stored yet, all in one transaction.
 *
 * @returns the keys of those it has added.
 */
export function saveRows(kysely: Kysely<Tables>, rows: readonly LogRow[]): Promise<readonly LogKey[]> {
  return kysely.transaction().execute((transaction) => insertRows(transaction, rows))
}

/** The same within a transaction. */
export async function insertRows(transaction: Kysely<Tables>, rows: readonly LogRow[]): Promise<readonly LogKey[]> {
  // Instances that save in different orders would wait for each other for ever.
  const sorted = rows.toSorted(
    (a, b) => a.stored_at_ms - b.stored_at_ms || a.seq - b.seq || (a.stream < b.stream ? -1 : 1),
  )
  const added = await transaction
    .insertInto('logs')
    .values(sorted)
    .onConflict((conflict) => conflict.columns(['stored_at_ms', 'stream', 'seq']).doNothing())
    .returning(['stored_at_ms', 'stream', 'seq', 'bytes'])
    .execute()
  if (added.length > 0) {
    const bytes = added.reduce((sum, row) => sum + row.bytes, 0)
    await changeUsage(transaction, bytes, added.length)
  }
  return added
}

/** Removes one row within a transaction. */
export async function removeRow(transaction: Kysely<Tables>, { stored_at_ms, stream, seq }: LogKey): Promise<void> {
  const removed = await transaction
    .deleteFrom('logs')
    .where('stored_at_ms', '=', stored_at_ms)
    .where('stream', '=', stream)
    .where('seq', '=', seq)
    .returning('bytes')
    .execute()
  const bytes = removed.reduce((sum, row) => sum + row.bytes, 0)
  await changeUsage(transaction, -bytes, -removed.length)
}

async function changeUsage(transaction: Kysely<Tables>, bytes: number, entries: number): Promise<void> {
  await transaction
    .updateTable('log_usage')
    .set((usage) => ({ bytes: usage('bytes', '+', bytes), entries: usage('entries', '+', entries) }))
    .execute()
}
