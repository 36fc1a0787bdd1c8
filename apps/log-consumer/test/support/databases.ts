import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Database } from '../../src/database/database.ts'
import { openPostgres } from '../../src/database/open-postgres.ts'
import { openSqlite } from '../../src/database/open-sqlite.ts'
import { type PostgresServer, query, startPostgres } from './postgres-server.ts'

/** A database of a test's own, of either kind. */
export interface TestDatabase {
  /** What the app is given to use it. */
  readonly environment: Readonly<Record<string, string>>
  open(): Database
  /** Asks it past the app. */
  query<Row extends object>(sql: string): Promise<Row[]>
  execute(sql: string): Promise<void>
}

/** Both kinds of databases, for the tests of one file. */
export interface TestDatabases extends AsyncDisposable {
  readonly postgres: PostgresServer
  make(kind: Kind): Promise<TestDatabase>
}

export type Kind = 'sqlite' | 'postgres'
export const KINDS: readonly Kind[] = ['sqlite', 'postgres']

export async function startDatabases(): Promise<TestDatabases> {
  const postgres = await startPostgres()
  const folder = mkdtempSync(join(tmpdir(), 'log-consumer-sqlite-'))
  let files = 0
  return {
    postgres,
    async make(kind) {
      if (kind === 'postgres') return onPostgres(await postgres.createDatabase())
      return onSqlite(join(folder, String(++files), 'logs.sqlite'))
    },
    async [Symbol.asyncDispose]() {
      await postgres.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A database of SQLite alone, for a test that needs no other. */
export function makeSqlite(): TestDatabase & AsyncDisposable {
  const folder = mkdtempSync(join(tmpdir(), 'log-consumer-sqlite-'))
  return {
    ...onSqlite(join(folder, 'logs.sqlite')),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

function onPostgres(url: string): TestDatabase {
  return {
    environment: { DATABASE_URL: url },
    open: () => openPostgres(url),
    query: (sql) => query(url, sql),
    execute: async (sql) => void (await query(url, sql)),
  }
}

function onSqlite(path: string): TestDatabase {
  const use = <T>(work: (database: DatabaseSync) => T): T => {
    const database = new DatabaseSync(path, { timeout: 5_000 })
    try {
      return work(database)
    } finally {
      database.close()
    }
  }
  return {
    environment: { LOG_SQLITE_PATH: path },
    open: () => openSqlite(path),
    query: async <Row extends object>(sql: string) =>
      use((database) => database.prepare(sql).all() as unknown as Row[]),
    execute: async (sql) => use((database) => database.exec(sql)),
  }
}
