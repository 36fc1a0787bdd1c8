import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely, sql } from 'kysely'
import type { Database } from './database.ts'
import { keepCause } from './keep-cause.ts'
import { SameFiles } from './same-files.ts'
import { sqliteThread } from './sqlite-thread.ts'
import type { Tables } from './tables.ts'

/** In place of a path: nothing is kept when the process ends. */
export const IN_MEMORY = ':memory:'

/** How long a statement waits for another process's lock, in milliseconds. Whatever comes behind it waits too, so it is short; the save is tried again. */
const BUSY_TIMEOUT_MS = 200
/** The write-ahead log's file is cut to this after a checkpoint. */
const MAX_WAL_BYTES = 64 * 1024 * 1024
const PRAGMAS = [
  // It has to come before the first table: without it the file never shrinks.
  'pragma auto_vacuum = incremental',
  'pragma journal_mode = wal',
  'pragma synchronous = full',
  `pragma journal_size_limit = ${MAX_WAL_BYTES}`,
] as const
/** Pages given back in one statement, 1 MiB. */
const RECLAIMED_PAGES = 256
/** Statements of one `reclaim()`, so 256 MiB at most. */
const MAX_RECLAIMS = 256
/** SQLite's result codes for a database that another connection holds, and for a disk that is full. */
const PASSING = new Set([5, 6, 13])

/**
 * Opens the file, and makes it and its folder where there is none.
 *
 * - For its owner alone, also where it was there with wider rights: no other user may read alarms.
 * - WAL with a sync at each commit: what is committed survives the process and the machine.
 * - Statements run on a thread of their own; what reads or deletes does it in small steps, so that others get between.
 *
 * @throws Error naming the path, when it cannot be had.
 */
export function openSqlite(path: string): Database {
  const place = path === IN_MEMORY ? path : resolve(path)
  checkFile(place)
  const kysely = new Kysely<Tables>({
    dialect: keepCause(sqliteThread({ path: place, timeoutMs: BUSY_TIMEOUT_MS, pragmas: PRAGMAS })),
  })
  const freePages = async (): Promise<number> => {
    const { rows } = await sql<{ readonly freelist_count: number }>`pragma freelist_count`.execute(kysely)
    return rows[0]?.freelist_count ?? 0
  }
  const files = new SameFiles(place === IN_MEMORY ? [] : [place, `${place}-wal`])
  return {
    kysely,
    system: 'sqlite',
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
    among: (column, numbers) =>
      sql<boolean>`${sql.ref(column)} in (select value from json_each(${JSON.stringify(numbers)}))`,
    // A cross join keeps its order: it is looked up key by key.
    picked: (keys) => sql`(
        select key as place, value ->> 0 as wanted_ms, value ->> 1 as wanted_stream, value ->> 2 as wanted_seq
        from json_each(${JSON.stringify(keys.map((key) => [key.stored_at_ms, key.stream, key.seq]))})
      ) as wanted
      cross join logs on stored_at_ms = wanted_ms and stream = wanted_stream and seq = wanted_seq`,
    verify: () => files.check(),
    isHopeless: (error) => !isPassing(error),
    async reclaim() {
      for (let count = 0; count < MAX_RECLAIMS && (await freePages()) > 0; count++)
        await sql.raw(`pragma incremental_vacuum(${RECLAIMED_PAGES})`).execute(kysely)
    },
    close: () => kysely.destroy(),
  }
}

/** Opens it once here, so that what cannot be had is said before anything starts. */
function checkFile(place: string): void {
  if (place === IN_MEMORY) return
  try {
    makeForOwner(place)
    const database = new DatabaseSync(place, { timeout: BUSY_TIMEOUT_MS })
    try {
      for (const pragma of PRAGMAS) database.exec(pragma)
    } finally {
      database.close()
    }
  } catch (cause) {
    throw new Error(`SQLite cannot use ${place}: ${(cause as Error).message}; see LOG_SQLITE_PATH`, { cause })
  }
}

const OWNER_ONLY = 0o600
const OTHERS = 0o077

/** SQLite gives the files beside it (-wal, -shm) the rights of the database when it makes them. */
function makeForOwner(place: string): void {
  mkdirSync(dirname(place), { recursive: true, mode: 0o700 })
  // One that is there is not opened: the close would end the locks of every connection that this process has to it.
  if (!existsSync(place)) closeSync(openSync(place, 'a', OWNER_ONLY))
  for (const file of [place, `${place}-wal`, `${place}-shm`]) {
    const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? OWNER_ONLY
    if ((mode & OTHERS) !== 0) chmodSync(file, mode & ~OTHERS & 0o777)
  }
}

function isPassing(error: unknown): boolean {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    const { errcode } = one as { readonly errcode?: unknown }
    if (typeof errcode === 'number' && PASSING.has(errcode & 0xff)) return true
  }
  return false
}
