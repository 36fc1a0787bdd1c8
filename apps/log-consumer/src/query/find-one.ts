import type { Database } from '../database/database.ts'
import type { LogEntry, LogKey } from '../store/log-row.ts'
import type { RecentRows } from '../store/recent-rows.ts'
import { findLogs } from './find-logs.ts'

/**
 * One log; of a recreated stream the newest with that sequence. While logs of an older version are not indexed, it
 * may have to look at all of those.
 *
 * @throws StoreUnavailable, and the signal's reason when it aborts.
 */
export async function findOne(
  database: Database,
  log: Pick<LogKey, 'stream' | 'seq'>,
  signal: AbortSignal,
  recent?: RecentRows,
): Promise<LogEntry | undefined> {
  for await (const { entries } of findLogs(database, { order: 'desc', log }, signal, recent)) {
    const [found] = entries
    if (found) return found.entry
  }
  return undefined
}
