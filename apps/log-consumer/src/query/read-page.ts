import type { Database } from '../database/database.ts'
import type { LogEntry } from '../store/log-row.ts'
import { encodeCursor } from './cursor.ts'
import { type Scan, scanLogs } from './scan-logs.ts'

export interface LogPage {
  readonly logs: readonly LogEntry[]
  /** Where the next page begins; null when there is none. */
  readonly next: string | null
}

/** Steps of one page, so 100,000 rows: a search for what is rare answers with what it has, and where to go on. */
const MAX_STEPS = 50

/**
 * One page of at most `limit` logs. It may have fewer, even none, and still a next one: then the search has gone through
 * as many rows as one request may.
 *
 * @throws StoreUnavailable, and the signal's reason when it aborts.
 */
export async function readPage(database: Database, scan: Scan, limit: number, signal: AbortSignal): Promise<LogPage> {
  const { order } = scan
  const found = []
  let steps = 0
  for await (const { entries, reached } of scanLogs(database, scan, signal)) {
    found.push(...entries)
    // One more than asked for: so it is known whether there is a next page.
    if (found.length > limit) {
      const page = found.slice(0, limit)
      const last = page.at(-1)
      return { logs: page.map(({ entry }) => entry), next: last ? encodeCursor({ order, key: last.key }) : null }
    }
    if (++steps === MAX_STEPS && reached)
      return { logs: found.map(({ entry }) => entry), next: encodeCursor({ order, key: reached }) }
  }
  return { logs: found.map(({ entry }) => entry), next: null }
}
