import type { HealthCheck, KitError, Logger } from '@alarm-bus/nats-kit'
import { inClientSpan, inTraceOfNow, type Timer } from '@alarm-bus/service'
import type { Database } from '../database/database.ts'
import { isRowFault } from '../database/is-row-fault.ts'
import { Indexer } from '../index/indexer.ts'
import { LiveTail } from '../tail/live-tail.ts'
import type { AlarmRecord, AlarmStore } from './alarm-store.ts'
import { DatabaseKeeper } from './database-keeper.ts'
import { GroupCommit } from './group-commit.ts'
import { type LogKey, nameOf, toRow } from './log-row.ts'
import { RecentRows } from './recent-rows.ts'
import { type Limits, Retention } from './retention.ts'
import { saveRows } from './save-rows.ts'
import type { StoreMeter } from './store-meter.ts'
import { StoreUnavailable } from './store-unavailable.ts'

/** Rows of one transaction: with ten columns each far below what a statement may carry. */
const MAX_BATCH_ROWS = 256
/** The first of a batch waits this long for others. A commit takes about as long, so this costs a lone alarm little. */
const MAX_BATCH_WAIT_MS = 2

export interface LogStoreOptions {
  readonly database: Database
  readonly logger: Logger
  readonly limits: Limits
  /** Default: nothing is counted. */
  readonly meter?: StoreMeter
  /** Records that may wait at once: as many as handlers can run. */
  readonly maxQueued: number
}

/** Stores alarms in a database, each once, and lets go of the oldest when there are too many. */
export interface LogStore extends AlarmStore {
  /** @throws StoreUnavailable while the database cannot be used. */
  database(): Database
  /** Logs as they are stored. */
  readonly tail: LiveTail
  /** What this instance has stored last. */
  readonly recent: RecentRows
  check(): HealthCheck
  /** Resolves with the reason when waiting for the database cannot help. */
  readonly failed: Promise<KitError>
  /** Ends what runs; no handler may be under way any more. */
  close(): Promise<void>
}

/**
 * Opens the store. A database that is away is waited for in the background: saves wait with it, until their signals
 * abort.
 *
 * @throws Error when waiting cannot help.
 */
export async function openLogStore(options: LogStoreOptions): Promise<LogStore> {
  const { logger, meter } = options
  const write: Timer = meter?.write ?? ((_, run) => run())
  const recent = new RecentRows()
  /** Alarms of many traces are written at once. */
  const traces = new WeakMap<AlarmRecord, NonNullable<ReturnType<typeof inTraceOfNow>>>()
  const save = (record: AlarmRecord, signal: AbortSignal): Promise<void> => {
    const within = inTraceOfNow()
    if (within) traces.set(record, within)
    return commits.add(record, signal)
  }
  const span = {
    'db.system.name': options.database.system,
    'db.operation.name': 'INSERT',
    'db.collection.name': 'logs',
  }
  const tail = new LiveTail(() => keeper.get(), recent)
  const indexer = new Indexer(() => keeper.get(), recent, logger)
  const keeper: DatabaseKeeper = new DatabaseKeeper(options.database, logger, () => commits.waiting)
  const commits: GroupCommit<AlarmRecord> = new GroupCommit<AlarmRecord>({
    maxItems: MAX_BATCH_ROWS,
    maxWaitMs: MAX_BATCH_WAIT_MS,
    maxQueued: options.maxQueued,
    isItemFault: isRowFault,
    async write(records) {
      try {
        const database = keeper.get()
        const batch = await write(database.system, async () => {
          const saved = await saveRows(database.kysely, records.map(toRow))
          await database.verify()
          return saved
        })
        keeper.report()
        meter?.stored(batch?.rows.length ?? 0)
        tell(logger, records, batch?.rows ?? [], traces)
        if (batch) {
          recent.add(batch)
          tail.added(batch.no)
          indexer.added(batch.rows.length)
        }
      } catch (error) {
        if (!isRowFault(error) && !(error instanceof StoreUnavailable)) keeper.report(error)
        throw error
      }
    },
  })
  try {
    await keeper.start()
  } catch (error) {
    // What made the start fail is what has to be said.
    await keeper.close().catch(() => undefined)
    throw error
  }
  const retention = new Retention(() => keeper.get(), options.limits, logger)
  retention.start()
  indexer.start()
  return {
    save: (record, { signal }) => inClientSpan('INSERT logs', span, () => save(record, signal)),
    database: () => keeper.get(),
    tail,
    recent,
    check: () => keeper.check(),
    failed: keeper.failed,
    async close() {
      commits.close()
      await Promise.all([retention.stop(), indexer.stop()])
      await keeper.close()
    },
  }
}

/** One line an alarm, once it is committed. One that was stored before is no news. */
function tell(
  logger: Logger,
  records: readonly AlarmRecord[],
  added: readonly LogKey[],
  traces: Pick<WeakMap<AlarmRecord, (say: () => void) => void>, 'get'>,
): void {
  const areAllNew = added.length === records.length
  const news = new Set(areAllNew ? [] : added.map(nameOf))
  for (const record of records) {
    const { storedAt, stream, seq } = record
    const isNew = areAllNew || news.delete(nameOf({ stored_at_ms: storedAt.getTime(), stream, seq }))
    const say = (): void => {
      if (isNew) logger.info({ event: 'logStored', ...record }, 'log stored')
      else logger.debug({ event: 'logKnown', ...record }, 'log was stored before')
    }
    const within = traces.get(record)
    if (within) within(say)
    else say()
  }
}
