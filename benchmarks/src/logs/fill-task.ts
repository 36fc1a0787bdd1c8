import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { alarmAt } from './alarms.ts'
import { recordAt } from './records.ts'
import { postgresRowWriter, type Queries, type Row, sqliteRowWriter, type WrittenBatch } from './row-writer.ts'

/*
 * A process that fills a database for searches, faster than alarms are stored: rows and batches in large transactions,
 * no wait for the disk, and the index by the app's own code, so that what is there in the end is what the app makes: full
 * segments, and the last rows in none. Says how long that took, as one line of JSON.
 */

const BATCH_ROWS = 256
const SEGMENT_ROWS = 16_384
const APP = fileURLToPath(new URL('../../../apps/log-consumer/src', import.meta.url))
const load = (file: string): Promise<unknown> => import(pathToFileURL(join(APP, file)).href)

interface Opened {
  readonly kysely: Queries
  close(): Promise<void>
}
const { openPostgres } = (await load('database/open-postgres.ts')) as { openPostgres(url: string): Opened }
const { openSqlite } = (await load('database/open-sqlite.ts')) as { openSqlite(path: string): Opened }
const { migrate } = (await load('database/migrate.ts')) as { migrate(database: Opened): Promise<void> }
const { toRow } = (await load('store/log-row.ts')) as { toRow(record: object): Row }
const { encodeKeys } = (await load('index/keys.ts')) as { encodeKeys(rows: readonly Row[]): Uint8Array }
const { RecentRows } = (await load('store/recent-rows.ts')) as {
  RecentRows: new () => { add(batch: WrittenBatch): void }
}
const { indexBatches } = (await load('index/make-segment.ts')) as {
  indexBatches(database: Opened, recent: object, signal: AbortSignal): Promise<boolean>
}

const { values } = parseArgs({ options: { database: { type: 'string' }, rows: { type: 'string' } } })
const { database: place = '', rows: wanted = '0' } = values
const isPostgres = place.startsWith('postgres')
const database = isPostgres ? openPostgres(place) : openSqlite(place)
await migrate(database)
if (!isPostgres) {
  // As Kysely has a statement that it need not make.
  await database.kysely.executeQuery({ sql: 'pragma synchronous = off', parameters: [], query: { kind: 'RawNode' } })
}
const writer = isPostgres ? postgresRowWriter(database.kysely) : sqliteRowWriter(place)
const recent = new RecentRows()
const never = new AbortController().signal
const rows = Number(wanted)
let lastBatch = 0

function batchesFrom(start: number): readonly WrittenBatch[] {
  const batches: WrittenBatch[] = []
  for (let from = start; from < Math.min(rows, start + SEGMENT_ROWS); from += BATCH_ROWS) {
    const some = Array.from({ length: Math.min(BATCH_ROWS, rows - from) }, (_, at) =>
      toRow(recordAt(from + at, alarmAt(from + at))),
    )
    batches.push({ no: ++lastBatch, rows: some, keys: encodeKeys(some) })
  }
  return batches
}

const startedAt = performance.now()
let batches = batchesFrom(0)
for (let start = 0; start < rows; start += SEGMENT_ROWS) {
  const writing = writer.write(batches)
  for (const batch of batches) recent.add(batch)
  const next = batchesFrom(start + SEGMENT_ROWS)
  await writing
  await indexBatches(database, recent, never)
  batches = next
}
const seconds = (performance.now() - startedAt) / 1_000
const { user, system } = process.cpuUsage()
process.stdout.write(`${JSON.stringify({ seconds, perSecond: rows / seconds, cpuMicros: (user + system) / rows })}\n`)
await writer.close()
await database.close()
