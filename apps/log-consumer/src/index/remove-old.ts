import type { Kysely } from 'kysely'
import type { Tables } from '../database/tables.ts'
import { removeSegment, segmentsOf, stateOf } from './log-index.ts'

/** Batches that are kept for readers of the live tail that come back. */
const KEPT_BATCHES = 100_000
/** Batches of one transaction. */
const STEP_BATCHES = 1_000

/** Removes the batches that nothing needs any more. */
export async function removeOldBatches(kysely: Kysely<Tables>): Promise<void> {
  const { lastBatch, indexedBatch } = await stateOf(kysely)
  const end = Math.min(indexedBatch, lastBatch - KEPT_BATCHES)
  for (;;) {
    const { first } = await kysely
      .selectFrom('log_batches')
      .select(({ fn }) => fn.min('no').as('first'))
      .executeTakeFirstOrThrow()
    if (first === null || Number(first) > end) return
    await kysely
      .deleteFrom('log_batches')
      .where('no', '<=', Math.min(end, Number(first) + STEP_BATCHES - 1))
      .execute()
  }
}

/** Removes the segments whose rows are all gone. */
export async function removeOldSegments(kysely: Kysely<Tables>): Promise<void> {
  // The segments first: whatever row of theirs is still there, the oldest is not younger.
  const segments = await segmentsOf(kysely)
  const { oldest } = await kysely
    .selectFrom('logs')
    .select(({ fn }) => fn.min('stored_at_ms').as('oldest'))
    .executeTakeFirstOrThrow()
  for (const { id, max_ms } of segments) if (oldest === null || max_ms < Number(oldest)) await removeSegment(kysely, id)
}
