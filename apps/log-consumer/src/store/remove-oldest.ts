import type { Kysely } from 'kysely'
import type { Tables } from '../database/tables.ts'

/** What all rows and their index take, and how many rows there are. */
export async function usageOf(kysely: Kysely<Tables>): Promise<{ readonly bytes: number; readonly entries: number }> {
  const { bytes, entries } = await kysely.selectFrom('log_state').select(['bytes', 'entries']).executeTakeFirstOrThrow()
  const { index } = await kysely
    .selectFrom('log_segments')
    .select(({ fn }) => fn.sum<number | string | null>('bytes').as('index'))
    .executeTakeFirstOrThrow()
  return { bytes: bytes + Number(index ?? 0), entries }
}

/** The time of the newest row, in milliseconds; undefined when there is none. */
export async function newestOf(kysely: Kysely<Tables>): Promise<number | undefined> {
  const { newest } = await kysely
    .selectFrom('logs')
    .select(({ fn }) => fn.max('stored_at_ms').as('newest'))
    .executeTakeFirstOrThrow()
  return newest ?? undefined
}

/**
 * Removes the oldest rows in one transaction.
 *
 * @param what at most so many rows, and none from `beforeMs` on where it is given.
 * @returns how many it removed.
 */
export async function removeOldest(
  kysely: Kysely<Tables>,
  what: { readonly rows: number; readonly beforeMs?: number },
): Promise<number> {
  const { rows, beforeMs } = what
  const oldest = await kysely
    .selectFrom('logs')
    .select(['stored_at_ms', 'stream', 'seq'])
    .$if(beforeMs !== undefined, (query) => query.where('stored_at_ms', '<', beforeMs as number))
    .orderBy('stored_at_ms')
    .orderBy('stream')
    .orderBy('seq')
    .limit(rows)
    .execute()
  const last = oldest.at(-1)
  if (!last) return 0
  return kysely.transaction().execute(async (transaction) => {
    const removed = await transaction
      .deleteFrom('logs')
      .where((row) =>
        row(row.refTuple('stored_at_ms', 'stream', 'seq'), '<=', row.tuple(last.stored_at_ms, last.stream, last.seq)),
      )
      .returning('bytes')
      .execute()
    const bytes = removed.reduce((sum, row) => sum + row.bytes, 0)
    await transaction
      .updateTable('log_state')
      .set((state) => ({ bytes: state('bytes', '-', bytes), entries: state('entries', '-', removed.length) }))
      .execute()
    return removed.length
  })
}
