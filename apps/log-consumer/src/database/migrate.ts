import { type Migration, Migrator } from 'kysely/migration'
import type { Database } from './database.ts'
import { migrations } from './migrations.ts'

const MIGRATIONS_TABLE = 'log_migration'

/** A newer version of the app has changed the tables in ways that this one does not know. */
export class SchemaTooNewError extends Error {
  override readonly name = 'SchemaTooNewError'
}

/**
 * Brings the tables up to date, all changes or none, while no other instance does.
 *
 * @param known only a test gives others.
 * @throws SchemaTooNewError, and whatever the database throws.
 */
export async function migrate(
  database: Database,
  known: Readonly<Record<string, Migration>> = migrations,
): Promise<void> {
  await database.locked(async (kysely) => {
    const tables = await kysely.introspection.getTables({ withInternalKyselyTables: true })
    if (tables.some(({ name }) => name === MIGRATIONS_TABLE)) {
      const done = await kysely
        .withTables<{ [MIGRATIONS_TABLE]: { readonly name: string } }>()
        .selectFrom(MIGRATIONS_TABLE)
        .select('name')
        .execute()
      const unknown = done.map(({ name }) => name).filter((name) => !(name in known))
      if (unknown.length > 0) {
        throw new SchemaTooNewError(
          `${database.place} was changed by a newer version of log-consumer (${unknown.join(', ')}); start that version, or give this one a database of its own`,
        )
      }
    }
    const migrator = new Migrator({
      db: kysely,
      provider: { getMigrations: async () => known },
      migrationTableName: MIGRATIONS_TABLE,
      migrationLockTableName: `${MIGRATIONS_TABLE}_lock`,
    })
    const { error } = await migrator.migrateToLatest()
    if (error !== undefined) throw error
  })
}
