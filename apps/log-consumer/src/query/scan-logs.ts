import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Expression, ExpressionBuilder, SqlBool } from 'kysely'
import type { Database } from '../database/database.ts'
import type { LogRow, Tables } from '../database/tables.ts'
import { type LogEntry, type LogKey, toEntry } from '../store/log-row.ts'
import type { Order } from './cursor.ts'
import { conditionsOf, type LogFilter } from './filter.ts'

export interface Scan extends LogFilter {
  readonly order: Order
  /** Begins after this one. */
  readonly after?: LogKey
}

export interface ScanStep {
  readonly entries: readonly { readonly key: LogKey; readonly entry: LogEntry }[]
  /** How far the scan has come; undefined when it has come to the end. */
  readonly reached: LogKey | undefined
  /** What it has cost, counted in rows that a scan looks at. */
  readonly looked: number
}

/** Rows that one step looks at: some milliseconds of the database's time, and of the event loop's with SQLite. */
const STEP_ROWS = 2_000
/** Rows that one step returns: at their largest about 16 MiB. */
const STEP_ENTRIES = 256

/**
 * Goes through the logs in the order of their keys, in steps of bounded time and memory. Between two steps it holds
 * nothing, no cursor, no transaction and no connection: it waits for its reader for as long as that takes, and ends
 * wherever the reader stops. Rows that are added or removed meanwhile may or may not be seen; no other is missed or
 * seen twice.
 *
 * @throws whatever the database throws, and the signal's reason when it aborts.
 */
export async function* scanLogs(database: Database, scan: Scan, signal: AbortSignal): AsyncGenerator<ScanStep> {
  let after = scan.after
  do {
    signal.throwIfAborted()
    const step = await takeStep(database, { ...scan, ...(after && { after }) })
    yield step
    after = step.reached
    // SQLite answers at once; without this no other request would have a turn.
    await nextTurn()
  } while (after)
}

async function takeStep(database: Database, scan: Scan): Promise<ScanStep> {
  const conditions = conditionsOf(database, scan)
  // By the key's index alone: how far so many rows reach, whatever is in them.
  const boundary = conditions.length > 0 ? await lookAhead(database, scan) : undefined
  const rows = await ordered(database, scan)
    .selectAll()
    .$if(boundary !== undefined, (query) => query.where((row) => isOnTheWay(row, scan.order, '=', boundary as LogKey)))
    .where((row) => row.and(conditions))
    .limit(STEP_ENTRIES)
    .execute()
  const entries = rows.map((row) => ({ key: keyOf(row), entry: toEntry(row) }))
  return { entries, reached: rows.length === STEP_ENTRIES ? entries.at(-1)?.key : boundary, looked: STEP_ROWS }
}

/** The next keys below this one, at most so many. */
export function keysOnTheWay(
  database: Database,
  scan: Pick<Scan, 'order' | 'after' | 'fromMs' | 'toMs'>,
  below: LogKey,
  limit: number,
): Promise<(LogKey & Pick<LogRow, 'bytes'>)[]> {
  return ordered(database, scan)
    .select(['stored_at_ms', 'stream', 'seq', 'bytes'])
    .where((row) => isOnTheWay(row, 'asc', '', below))
    .limit(limit)
    .execute()
}

function lookAhead(database: Database, scan: Scan): Promise<LogKey | undefined> {
  return ordered(database, scan)
    .select(['stored_at_ms', 'stream', 'seq'])
    .limit(1)
    .offset(STEP_ROWS - 1)
    .executeTakeFirst()
}

function ordered({ kysely }: Database, { order, after, fromMs, toMs }: Scan) {
  return kysely
    .selectFrom('logs')
    .$if(fromMs !== undefined, (query) => query.where('stored_at_ms', '>=', fromMs as number))
    .$if(toMs !== undefined, (query) => query.where('stored_at_ms', '<', toMs as number))
    .$if(after !== undefined, (query) => query.where((row) => isOnTheWay(row, order, '', after as LogKey, true)))
    .orderBy('stored_at_ms', order)
    .orderBy('stream', order)
    .orderBy('seq', order)
}

/** Compares whole keys, which both databases look up in the key's index. `past`: behind the key, else up to it. */
function isOnTheWay(
  row: ExpressionBuilder<Tables, 'logs'>,
  order: Order,
  orEqual: '' | '=',
  key: LogKey,
  past = false,
): Expression<SqlBool> {
  const direction = (order === 'asc') === past ? '>' : '<'
  return row(
    row.refTuple('stored_at_ms', 'stream', 'seq'),
    `${direction}${orEqual}`,
    row.tuple(key.stored_at_ms, key.stream, key.seq),
  )
}

function keyOf({ stored_at_ms, stream, seq }: LogKey): LogKey {
  return { stored_at_ms, stream, seq }
}
