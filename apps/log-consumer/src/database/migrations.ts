import { type Kysely, PostgresAdapter, sql } from 'kysely'
import type { Migration } from 'kysely/migration'

/**
 * Every change of the tables there was, in order, and never changed once it is out. Written in what SQLite and Postgres
 * both take.
 */
export const migrations: Readonly<Record<string, Migration>> = {
  '001-logs': {
    async up(kysely: Kysely<unknown>) {
      await kysely.schema
        .createTable('logs')
        .addColumn('stored_at_ms', 'bigint', (column) => column.notNull())
        .addColumn('stream', 'text', (column) => column.notNull())
        .addColumn('seq', 'bigint', (column) => column.notNull())
        .addColumn('channel', 'text', (column) => column.notNull())
        .addColumn('message_id', 'text')
        .addColumn('message', 'text', (column) => column.notNull())
        .addColumn('extra', 'text')
        .addColumn('exact', 'text')
        .addColumn('search', 'text', (column) => column.notNull())
        .addColumn('bytes', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('logs_key', ['stored_at_ms', 'stream', 'seq'])
        .execute()
      await kysely.schema
        .createTable('log_usage')
        .addColumn('id', 'integer', (column) => column.primaryKey().check(sql`id = 1`))
        .addColumn('bytes', 'bigint', (column) => column.notNull())
        .addColumn('entries', 'bigint', (column) => column.notNull())
        .execute()
      await sql`insert into log_usage (id, bytes, entries) values (1, 0, 0)`.execute(kysely)
    },
  },
  /**
   * The index, and the id of the request. Nothing here takes longer the more rows there are: those are indexed later, in
   * the background. The table of the state has a new name, so that an older version that still runs stores nothing that
   * the index does not know: it is not ready, and its messages are redelivered to this one.
   */
  '002-index': {
    async up(kysely: Kysely<unknown>) {
      const isPostgres = kysely.getExecutor().adapter instanceof PostgresAdapter
      const blob = isPostgres ? sql`bytea` : sql`blob`
      // In SQLite only `integer` makes the key the place of the row.
      const id = isPostgres ? sql`bigint` : sql`integer`
      await kysely.schema.alterTable('logs').addColumn('request_id', 'text').execute()
      await kysely.schema.alterTable('log_usage').renameTo('log_state').execute()
      for (const name of ['last_batch', 'indexed_batch']) {
        await kysely.schema
          .alterTable('log_state')
          .addColumn(name, 'bigint', (column) => column.notNull().defaultTo(0))
          .execute()
      }
      for (const [name, type] of [
        ['unindexed_ms', 'bigint'],
        ['unindexed_stream', 'text'],
        ['unindexed_seq', 'bigint'],
      ] as const) {
        await kysely.schema.alterTable('log_state').addColumn(name, type).execute()
      }
      await sql`update log_state set unindexed_ms = (select max(stored_at_ms) + 1 from logs)`.execute(kysely)
      await sql`update log_state set unindexed_stream = '', unindexed_seq = 0 where unindexed_ms is not null`.execute(
        kysely,
      )
      await kysely.schema
        .createTable('log_batches')
        .addColumn('no', id, (column) => column.primaryKey())
        .addColumn('entries', 'integer', (column) => column.notNull())
        .addColumn('bytes', 'bigint', (column) => column.notNull())
        .addColumn('keys', blob, (column) => column.notNull())
        .execute()
      await kysely.schema
        .createTable('log_segments')
        .addColumn('id', id, (column) => column.primaryKey())
        .addColumn('entries', 'integer', (column) => column.notNull())
        .addColumn('bytes', 'bigint', (column) => column.notNull())
        .addColumn('unlimited', 'integer', (column) => column.notNull().defaultTo(0))
        .addColumn('min_ms', 'bigint', (column) => column.notNull())
        .addColumn('min_stream', 'text', (column) => column.notNull())
        .addColumn('min_seq', 'bigint', (column) => column.notNull())
        .addColumn('max_ms', 'bigint', (column) => column.notNull())
        .addColumn('max_stream', 'text', (column) => column.notNull())
        .addColumn('max_seq', 'bigint', (column) => column.notNull())
        .execute()
      await kysely.schema
        .createTable('log_index')
        .addColumn('id', id, (column) => column.primaryKey())
        .addColumn('data', blob, (column) => column.notNull())
        .execute()
      // What is stored is dense: compressing it costs time and gains little.
      if (isPostgres) await sql`alter table log_index alter column data set storage external`.execute(kysely)
    },
  },
}
