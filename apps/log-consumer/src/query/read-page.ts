import type { Database } from '../database/database.ts'
import type { LogEntry } from '../store/log-row.ts'
import type { RecentRows } from '../store/recent-rows.ts'
import { encodeCursor } from './cursor.ts'
import { findLogs } from './find-logs.ts'
import type { Scan, ScanStep } from './scan-logs.ts'

export interface LogPage {
  readonly logs: readonly LogEntry[]
  /** Where the next page begins; null when there is none. */
  readonly next: string | null
}

/** Rows that one page looks at: a search for what is rare answers with what it has, and where to go on. */
const MAX_LOOKED = 100_000
/** And so long it looks, in milliseconds: a page that is cut short beats one that keeps people waiting. */
const MAX_PAGE_MS = 200
/** Of all texts of a page; it has one log more than fits. A page is made and sent in one go. */
const MAX_PAGE_CHARACTERS = 2 * 1_024 * 1_024

/**
 * One page of at most `limit` logs. It may have fewer, even none, and still a next one: then the search has gone through
 * as many rows, or for as long, as one request may, or the page has as much text as one may.
 *
 * @throws StoreUnavailable, and the signal's reason when it aborts.
 */
export async function readPage(
  database: Database,
  scan: Scan,
  limit: number,
  signal: AbortSignal,
  recent?: RecentRows,
): Promise<LogPage> {
  const { order } = scan
  const found: ScanStep['entries'][number][] = []
  let seen = 0
  const endsAt = performance.now() + MAX_PAGE_MS
  let characters = 0
  for await (const { entries, reached, looked } of findLogs(database, scan, signal, recent)) {
    for (const one of entries) {
      const last = found.at(-1)
      // There is one more than the page may have: so it is known whether there is a next page.
      if (last && (found.length === limit || characters > MAX_PAGE_CHARACTERS))
        return { logs: found.map(({ entry }) => entry), next: encodeCursor({ order, key: last.key }) }
      found.push(one)
      characters += one.entry.message.length + (one.entry.extra?.length ?? 0)
    }
    seen += looked
    if ((seen >= MAX_LOOKED || performance.now() >= endsAt) && reached)
      return { logs: found.map(({ entry }) => entry), next: encodeCursor({ order, key: reached }) }
  }
  return { logs: found.map(({ entry }) => entry), next: null }
}
