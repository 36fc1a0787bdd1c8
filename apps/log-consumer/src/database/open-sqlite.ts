import { mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Kysely, sql, SqliteDialect } from 'kysely'
import type { Database } from './database.ts'
import { keepCause } from './keep-cause.ts'
import { nodeSqlite } from './node-sqlite.ts'
import { SameFiles } from './same-files.ts'
import type { Tables } from './tables.ts'

/** In place of a path: nothing is kept when the process ends. */
export const IN_MEMORY = ':memory:'

/** How long a statement waits for another process's lock, in milliseconds. The event loop waits with it, so it is short; the save is tried again. */
const BUSY_TIMEOUT_MS = 200
/** The write-ahead log's file is cut to this after a checkpoint. */
const MAX_WAL_BYTES = 64 * 1024 * 1024
/** Pages given back in one statement, 1 MiB. */
const RECLAIMED_PAGES = 256
/** Statements of one `reclaim()`, so 256 MiB at most. */
const MAX_RECLAIMS = 256
/** SQLite's result codes for a database that another connection holds, and for a disk that is full. */
const PASSING = new Set([5, 6, 13])

/**
 * Opens the file, and makes it and its folder where there is none.
 *
 * - WAL with a sync at each commit: what is committed survives the process and the machine.
 * - Statements run on this thread; what reads or deletes does it in small steps.
 *
 * @throws Error naming the path, when it cannot be had.
 */
export function openSqlite(path: string): Database {
  const place = path === IN_MEMORY ? path : resolve(path)
  const database = openFile(place)
  const kysely = new Kysely<Tables>({ dialect: keepCause(new SqliteDialect({ database: nodeSqlite(database) })) })
  const files = new SameFiles(place === IN_MEMORY ? [] : [place, `${place}-wal`])
  const numberOf = (pragma: string): number => Number(Object.values(database.prepare(pragma).get() ?? {})[0] ?? 0)
  return {
    kysely,
    place,
    locked: (work) =>
      kysely.connection().execute(async (connection) => {
        await sql`begin immediate`.execute(connection)
        try {
          await work(connection)
          await sql`commit`.execute(connection)
        } catch (error) {
          // SQLite may have rolled back by itself.
          await sql`rollback`.execute(connection).catch(() => undefined)
          throw error
        }
      }),
    contains: (column, text) => sql<boolean>`instr(${sql.ref(column)}, ${text}) > 0`,
    verify: () => files.check(),
    isHopeless: (error) => !isPassing(error),
    async reclaim() {
      for (let count = 0; count < MAX_RECLAIMS && numberOf('pragma freelist_count') > 0; count++) {
        database.exec(`pragma incremental_vacuum(${RECLAIMED_PAGES})`)
        await nextTurn()
      }
    },
    close: () => kysely.destroy(),
  }
}

function openFile(place: string): DatabaseSync {
  try {
    if (place !== IN_MEMORY) mkdirSync(dirname(place), { recursive: true, mode: 0o700 })
    const database = new DatabaseSync(place, { timeout: BUSY_TIMEOUT_MS })
    // The first has to come before the first table: without it the file never shrinks.
    database.exec(`pragma auto_vacuum = incremental`)
    database.exec(`pragma journal_mode = wal`)
    database.exec(`pragma synchronous = full`)
    database.exec(`pragma journal_size_limit = ${MAX_WAL_BYTES}`)
    return database
  } catch (cause) {
    throw new Error(`SQLite cannot use ${place}: ${(cause as Error).message}; see LOG_SQLITE_PATH`, { cause })
  }
}

function isPassing(error: unknown): boolean {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    const { errcode } = one as { readonly errcode?: unknown }
    if (typeof errcode === 'number' && PASSING.has(errcode & 0xff)) return true
  }
  return false
}
