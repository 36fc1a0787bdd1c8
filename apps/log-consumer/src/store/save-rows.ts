import type { Kysely } from 'kysely'
import type { LogRow, Tables } from '../database/tables.ts'
import type { LogKey } from './log-row.ts'

/**
 * Stores the rows that are not stored yet, all in one transaction.
 *
 * @returns the keys of those it has added.
 */
export function saveRows(kysely: Kysely<Tables>, rows: readonly LogRow[]): Promise<readonly LogKey[]> {
  // Instances that save in different orders would wait for each other for ever.
  const sorted = rows.toSorted(
    (a, b) => a.stored_at_ms - b.stored_at_ms || a.seq - b.seq || (a.stream < b.stream ? -1 : 1),
  )
  return kysely.transaction().execute(async (transaction) => {
    const added = await transaction
      .insertInto('logs')
      .values(sorted)
      .onConflict((conflict) => conflict.columns(['stored_at_ms', 'stream', 'seq']).doNothing())
      .returning(['stored_at_ms', 'stream', 'seq', 'bytes'])
      .execute()
    const bytes = added.reduce((sum, row) => sum + row.bytes, 0)
    if (added.length > 0) {
      await transaction
        .updateTable('log_usage')
        .set((usage) => ({ bytes: usage('bytes', '+', bytes), entries: usage('entries', '+', added.length) }))
        .execute()
    }
    return added
  })
}
