import type { Database } from '../database/database.ts'
import { type LogKey, storable } from '../store/log-row.ts'
import { findLogs } from './find-logs.ts'

/**
 * The latest log of a message id: one that the broker had forgotten may have been stored once more.
 *
 * @throws StoreUnavailable when the database fails, and the signal's reason when it aborts.
 */
export async function findById(
  database: Database,
  channel: string,
  id: string,
  signal: AbortSignal,
): Promise<LogKey | undefined> {
  for await (const { entries } of findLogs(database, { channel, messageId: storable(id), order: 'desc' }, signal)) {
    if (entries[0]) return entries[0].key
  }
  return undefined
}
