import type { Database } from '../database/database.ts'
import type { LogKey } from '../store/log-row.ts'
import { storable } from '../store/log-row.ts'

/** The latest log of a message id: one that the broker had forgotten may have been stored once more. */
export async function findById({ kysely }: Database, channel: string, id: string): Promise<LogKey | undefined> {
  return kysely
    .selectFrom('logs')
    .select(['stored_at_ms', 'stream', 'seq'])
    .where('message_id', '=', storable(id))
    .where('channel', '=', channel)
    .orderBy('stored_at_ms', 'desc')
    .limit(1)
    .executeTakeFirst()
}
