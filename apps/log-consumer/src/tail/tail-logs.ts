import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { LogRow } from '../database/tables.ts'
import { type LogFilter, matcherOf } from '../query/filter.ts'
import { type LogEntry, toEntry } from '../store/log-row.ts'
import type { LiveTail, TailBatch } from './live-tail.ts'
import { type Position, WHOLE } from './position.ts'

/** At least so often there is a step, in milliseconds, though nothing was stored. */
const QUIET_MS = 10_000
/** Before another try to read while the database is away, in milliseconds. */
const RETRY_MS = 500

/** A step of the tail: logs with how far each brings its reader, and how far all of it does. */
export interface TailStep {
  readonly logs: readonly { readonly position: Position; readonly entry: LogEntry }[]
  readonly reached: Position
  /** Logs were stored since the reader's last position that are not known any more as what came after it. */
  readonly hasMissed?: boolean
}

/**
 * Logs as they are stored, those that fit the filter, each once, from a position on. A database that is away is waited
 * for. Between two steps it holds nothing: a reader that is slow falls behind, and reads what was stored meanwhile.
 *
 * Ends when the signal aborts.
 */
export async function* tailLogs(
  tail: LiveTail,
  filter: LogFilter,
  start: Position | undefined,
  signal: AbortSignal,
): AsyncGenerator<TailStep> {
  const matches = matcherOf(filter)
  let step = await begin(tail, start)
  // A reader that is cut off before the first log knows where to resume.
  yield step
  while (!signal.aborted) {
    try {
      const { batch, rows } = step.reached
      const found = await tail.read(rows === WHOLE ? batch + 1 : batch)
      if (found) step = stepOf(found, found.no === batch ? rows : 0, matches)
      else if (tail.hasSeen(batch + 1)) step = await begin(tail, step.reached)
      else {
        await tail.waitFor(batch + 1, QUIET_MS, signal)
        step = { logs: [], reached: step.reached }
        if (tail.hasSeen(batch + 1)) continue
      }
      if (found && step.logs.length === 0) {
        // What is in memory comes at once; without this no other request would have a turn.
        await nextTurn()
        continue
      }
    } catch {
      // Whether the database is well is the keeper's to say.
      await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined)
      step = { logs: [], reached: step.reached }
    }
    yield step
  }
}

function stepOf({ no, rows }: TailBatch, skipped: number, matches: (row: LogRow) => boolean): TailStep {
  const logs = rows.flatMap((row, index) =>
    row && index >= skipped && matches(row) ? [{ position: { batch: no, rows: index + 1 }, entry: toEntry(row) }] : [],
  )
  return { logs, reached: { batch: no, rows: WHOLE } }
}

async function begin(tail: LiveTail, start: Position | undefined): Promise<TailStep> {
  const { first, last } = await tail.range()
  const now = { batch: last, rows: WHOLE }
  if (!start) return { logs: [], reached: now }
  // Of another database, or of this one as it was before it was restored: what came after it is not known.
  if (start.batch > last) return { logs: [], reached: now, hasMissed: true }
  const before = { batch: first - 1, rows: WHOLE }
  const isKnown = start.batch >= first || (start.batch === before.batch && start.rows === WHOLE)
  return isKnown ? { logs: [], reached: start } : { logs: [], reached: before, hasMissed: true }
}
