import { type Kysely, sql } from 'kysely'
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
  /** What became of one message is asked by its id. */
  '003-message-id': {
    async up(kysely: Kysely<unknown>) {
      await kysely.schema.createIndex('logs_message_id').on('logs').column('message_id').execute()
    },
  },
}
