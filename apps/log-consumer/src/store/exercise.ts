import type { Kysely } from 'kysely'
import type { Tables } from '../database/tables.ts'
import { toRow } from './log-row.ts'
import { insertRows, removeRow } from './save-rows.ts'

/** Older than every alarm, of a stream that cannot be. */
const ROW = toRow({
  channel: '',
  message: '',
  id: undefined,
  requestId: undefined,
  stream: '',
  seq: 0,
  storedAt: new Date(0),
  deliveryCount: 1,
})

/**
 * Does to the database what storing and retention need, and commits it: a row is added and removed in one transaction,
 * so no reader ever sees it. Whatever would keep an alarm from being stored (a read-only node, a full disk, a lock, a missing
 * grant) fails here too.
 */
export function exercise(kysely: Kysely<Tables>): Promise<void> {
  return kysely.transaction().execute(async (transaction) => {
    const batch = await insertRows(transaction, [ROW])
    await removeRow(transaction, ROW, batch)
  })
}
