import type { Database } from '../database/database.ts'
import { searchLogs } from '../index/search-logs.ts'
import type { RecentRows } from '../store/recent-rows.ts'
import { StoreUnavailable } from '../store/store-unavailable.ts'
import { type Scan, scanLogs, type ScanStep } from './scan-logs.ts'

/**
 * Finds the logs that fit a filter, in the order of their keys, in steps of bounded time and memory: by the index where it
 * says something of what is asked for, else by looking at all.
 *
 * @param recent rows that this instance has stored last: they need not be read to be looked at.
 * @throws StoreUnavailable when the database fails, and the signal's reason when it aborts.
 */
export async function* findLogs(
  database: Database,
  scan: Scan,
  signal: AbortSignal,
  recent?: RecentRows,
): AsyncGenerator<ScanStep> {
  try {
    const search = await searchLogs(database, scan, recent)
    yield* search ? search(signal) : scanLogs(database, scan, signal)
  } catch (cause) {
    signal.throwIfAborted()
    throw new StoreUnavailable('the database did not answer the query', { cause })
  }
}
