import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { alarmAt } from './alarms.ts'
import { recordAt } from './records.ts'

/*
 * A process that fills a database for searches, faster than alarms are stored: many rows a call, no wait for the disk, the
 * index made in between. Says how long that took, as one line of JSON.
 */

const BATCH_ROWS = 256
const SEGMENT_BATCHES = 64
const APP = join(fileURLToPath(import.meta.resolve('log-consumer/package.json')), '../src')
const load = (file: string): Promise<unknown> => import(pathToFileURL(join(APP, file)).href)

interface Opened {
  readonly kysely: { executeQuery(query: object): Promise<unknown> }
  close(): Promise<void>
}
interface Batch {
  readonly no: number
}
const { openPostgres } = (await load('database/open-postgres.ts')) as { openPostgres(url: string): Opened }
const { openSqlite } = (await load('database/open-sqlite.ts')) as { openSqlite(path: string): Opened }
const { migrate } = (await load('database/migrate.ts')) as { migrate(database: Opened): Promise<void> }
const { toRow } = (await load('store/log-row.ts')) as { toRow(record: object): object }
const { saveRows } = (await load('store/save-rows.ts')) as { saveRows(kysely: object, rows: object[]): Promise<Batch> }
const { RecentRows } = (await load('store/recent-rows.ts')) as { RecentRows: new () => { add(batch: Batch): void } }
const { indexBatches } = (await load('index/make-segment.ts')) as {
  indexBatches(database: Opened, recent: object, signal: AbortSignal): Promise<boolean>
}

const { values } = parseArgs({
  options: {
    database: { type: 'string', default: '' },
    rows: { type: 'string', default: '0' },
    from: { type: 'string', default: '0' },
  },
})
const isPostgres = values.database.startsWith('postgres')
const database = isPostgres ? openPostgres(values.database) : openSqlite(values.database)
await migrate(database)
if (!isPostgres) {
  // As Kysely has a statement that it need not make.
  await database.kysely.executeQuery({ sql: 'pragma synchronous = off', parameters: [], query: { kind: 'RawNode' } })
}
const recent = new RecentRows()
const never = new AbortController().signal
const [rows, from] = [Number(values.rows), Number(values.from)]
const startedAt = performance.now()
for (let start = 0, batches = 0; start < rows; start += BATCH_ROWS) {
  const some = Array.from({ length: Math.min(BATCH_ROWS, rows - start) }, (_, at) => from + start + at)
  recent.add(
    await saveRows(
      database.kysely,
      some.map((index) => toRow(recordAt(index, alarmAt(index)))),
    ),
  )
  if (++batches % SEGMENT_BATCHES === 0) await indexBatches(database, recent, never)
}
const seconds = (performance.now() - startedAt) / 1_000
const { user, system } = process.cpuUsage()
process.stdout.write(`${JSON.stringify({ seconds, perSecond: rows / seconds, cpuMicros: (user + system) / rows })}\n`)
await database.close()
