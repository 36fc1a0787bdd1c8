import { Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, sql } from 'kysely'
import { Pool, types } from 'pg'
import type { Database } from './database.ts'
import { PostgresDriver } from './postgres-driver.ts'
import type { Tables } from './tables.ts'

/** One for the writer, one for retention, the rest for readers, of which there are never more (`http/log-routes.ts`). */
const MAX_CONNECTIONS = 10
const CONNECT_TIMEOUT_MS = 5_000
/** The server ends a statement that takes longer; each reads or changes a bounded number of rows. */
const STATEMENT_TIMEOUT_MS = 15_000
/** Not in the packet that opens a connection: PgBouncer refuses them there. */
const SETTINGS = ['statement_timeout', 'idle_in_transaction_session_timeout'].map(
  (name) => `set local ${name} = ${STATEMENT_TIMEOUT_MS}`,
)
/** This end gives up on an answer: a connection that is cut without a word says nothing else. */
const QUERY_TIMEOUT_MS = 20_000
/** Any number, the same for all instances: who holds it may change the tables. */
const LOCK_KEY = 726_174_102
const INT8 = 20
/** Refused credentials, and a database that does not exist: waiting does not help. */
const HOPELESS = /^(28|3D)/

/**
 * A pool of connections, each opened when it is needed.
 *
 * @param url with the credentials in it; they stay in here.
 */
export function openPostgres(url: string): Database {
  const pool = new Pool({
    connectionString: url,
    application_name: 'log-consumer',
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    // Sequences and times stay far below 2^53, so they need not be texts.
    types: {
      getTypeParser: ((oid: number, format?: 'text') =>
        oid === INT8 ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser,
    },
  })
  const kysely = new Kysely<Tables>({
    dialect: {
      createDriver: () => new PostgresDriver(pool, SETTINGS),
      createAdapter: () => new PostgresAdapter(),
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createIntrospector: (database) => new PostgresIntrospector(database),
    },
  })
  const place = placeOf(url)
  return {
    kysely,
    system: 'postgresql',
    place,
    locked: (work) =>
      kysely.transaction().execute(async (transaction) => {
        await checkEncoding(transaction, place)
        await sql`select pg_advisory_xact_lock(${LOCK_KEY}::bigint)`.execute(transaction)
        await work(transaction)
      }),
    contains: (column, text) => sql<boolean>`strpos(${sql.ref(column)}, ${text}) > 0`,
    among: (column, numbers) => sql<boolean>`${sql.ref(column)} = any(${numbers}::bigint[])`,
    // Lateral and with a limit, so that it is looked up key by key whatever the planner thinks of the table's size.
    picked: (keys) => sql`unnest(
        ${keys.map((key) => key.stored_at_ms)}::bigint[], ${keys.map((key) => key.stream)}::text[],
        ${keys.map((key) => key.seq)}::bigint[]
      ) with ordinality as wanted (wanted_ms, wanted_stream, wanted_seq, place)
      cross join lateral (
        select * from logs
        where stored_at_ms = wanted_ms and stream = wanted_stream and seq = wanted_seq limit 1
      ) as logs`,
    isHopeless: (error) =>
      error instanceof WrongEncodingError || HOPELESS.test(String((error as { readonly code?: unknown }).code ?? '')),
    // The server answers for its files.
    verify: async () => undefined,
    // Autovacuum makes the room of deleted rows usable again, and the table stops growing.
    reclaim: async () => undefined,
    close: () => kysely.destroy(),
  }
}

/** The database cannot hold every text. */
class WrongEncodingError extends Error {
  override readonly name = 'WrongEncodingError'
}

/** Another encoding lacks letters, and counts others: alarms in Korean or with emoji would be refused one by one. */
async function checkEncoding(kysely: Kysely<Tables>, place: string): Promise<void> {
  const { rows } = await sql<{ server_encoding: string }>`show server_encoding`.execute(kysely)
  const encoding = rows[0]?.server_encoding
  if (encoding === 'UTF8') return
  throw new WrongEncodingError(
    `${place} stores texts in ${encoding}, and not every alarm can be written in it; make another database and name it in DATABASE_URL: create database logs encoding 'UTF8' template template0 locale 'C'`,
  )
}

function placeOf(url: string): string {
  const { hostname, port, pathname } = new URL(url)
  return `postgres://${hostname}:${port || 5432}${pathname}`
}
