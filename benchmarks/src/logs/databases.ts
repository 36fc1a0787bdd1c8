import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath, pathToFileURL } from 'node:url'

export type DatabaseKind = 'sqlite' | 'postgres'
export const DATABASE_KINDS: readonly DatabaseKind[] = ['sqlite', 'postgres']

/** A database of a run's own; it goes with the run. */
export interface BenchmarkDatabase extends AsyncDisposable {
  /** What the app is told. */
  readonly environment: Readonly<Record<string, string>>
  /** A path, or an address. */
  readonly place: string
  /** What is stored, in bytes: all of it, and the index with what it needs. */
  sizes(): Promise<{ readonly all: number; readonly index: number }>
}

/** The helpers of the app's tests start a real Postgres. */
const SUPPORT = join(
  fileURLToPath(import.meta.resolve('log-consumer/package.json')),
  '../test/support/postgres-server.ts',
)

interface PostgresSupport {
  startPostgres(): Promise<AsyncDisposable & { createDatabase(): Promise<string> }>
  query<Row>(url: string, sql: string): Promise<Row[]>
}

export async function makeDatabase(kind: DatabaseKind): Promise<BenchmarkDatabase> {
  return kind === 'sqlite' ? makeSqlite() : makePostgres()
}

function makeSqlite(): BenchmarkDatabase {
  const folder = mkdtempSync(join(tmpdir(), 'alarm-bus-logs-'))
  const place = join(folder, 'logs.sqlite')
  return {
    environment: { LOG_SQLITE_PATH: place },
    place,
    async sizes() {
      const database = new DatabaseSync(place, { timeout: 5_000 })
      try {
        const sum = database.prepare(
          'select (select sum(length(data) + 16) from log_index) + (select sum(length(keys) + 16) from log_batches) as n',
        )
        return { all: statSync(place).size, index: Number(sum.get()?.['n']) }
      } finally {
        database.close()
      }
    },
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

async function makePostgres(): Promise<BenchmarkDatabase> {
  const { startPostgres, query } = (await import(pathToFileURL(SUPPORT).href)) as PostgresSupport
  const server = await startPostgres()
  const place = await server.createDatabase()
  return {
    environment: { DATABASE_URL: place },
    place,
    async sizes() {
      const total = (table: string): string => `pg_total_relation_size('${table}')`
      const index = `${total('log_index')} + ${total('log_batches')} + ${total('log_segments')}`
      const [row] = await query<{ all: string; index: string }>(
        place,
        `select pg_database_size(current_database()) as "all", ${index} as "index"`,
      )
      return { all: Number(row?.all), index: Number(row?.index) }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
