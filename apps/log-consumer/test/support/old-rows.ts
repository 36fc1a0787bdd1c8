import type { Database } from '../../src/database/database.ts'
import { migrate } from '../../src/database/migrate.ts'
import { migrations } from '../../src/database/migrations.ts'

/** Stores as version 0.0.0 did, which knows of no index, and brings the tables up to date. */
export async function migrateAround(database: Database, storeOld: () => Promise<void>): Promise<void> {
  const { '001-logs': first } = migrations
  if (!first) throw new Error('there is no first migration')
  await migrate(database, { '001-logs': first })
  await storeOld()
  await migrate(database)
}
