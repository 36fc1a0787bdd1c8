import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath, pathToFileURL } from 'node:url'

export type DatabaseKind = 'sqlite' | 'postgres'
export const DATABASE_KINDS: readonly DatabaseKind[] = ['sqlite', 'postgres']

/** A database for one run. */
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

/** A database of the run's own. */
export async function makeDatabase(kind: DatabaseKind): Promise<BenchmarkDatabase> {
  if (kind === 'sqlite') {
    const folder = mkdtempSync(join(tmpdir(), 'alarm-bus-logs-'))
    const remove = async (): Promise<void> => rmSync(folder, { recursive: true, force: true })
    return sqliteAt(join(folder, 'logs.sqlite'), remove)
  }
  const { startPostgres } = await postgresSupport()
  const server = await startPostgres()
  return postgresAt(await server.createDatabase(), async () => server[Symbol.asyncDispose]())
}

/** One that is there and stays. @param place a path, or an address. */
export function databaseAt(place: string): { readonly kind: DatabaseKind; readonly database: BenchmarkDatabase } {
  const stay = async (): Promise<void> => undefined
  return place.startsWith('postgres')
    ? { kind: 'postgres', database: postgresAt(place, stay) }
    : { kind: 'sqlite', database: sqliteAt(place, stay) }
}

function sqliteAt(place: string, dispose: () => Promise<void>): BenchmarkDatabase {
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
    [Symbol.asyncDispose]: dispose,
  }
}

function postgresAt(place: string, dispose: () => Promise<void>): BenchmarkDatabase {
  return {
    environment: { DATABASE_URL: place },
    place,
    async sizes() {
      const { query } = await postgresSupport()
      const total = (table: string): string => `pg_total_relation_size('${table}')`
      const index = `${total('log_index')} + ${total('log_batches')} + ${total('log_segments')}`
      const [row] = await query<{ all: string; index: string }>(
        place,
        `select pg_database_size(current_database()) as "all", ${index} as "index"`,
      )
      return { all: Number(row?.all), index: Number(row?.index) }
    },
    [Symbol.asyncDispose]: dispose,
  }
}

async function postgresSupport(): Promise<PostgresSupport> {
  return (await import(pathToFileURL(SUPPORT).href)) as PostgresSupport
}
