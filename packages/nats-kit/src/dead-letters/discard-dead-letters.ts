import type { Connection } from '../connection/connection.ts'
import type { DeadLetterEntry } from './dead-letter-entry.ts'
import { checkFilter, type DeadLetterFilter } from './dead-letter-filter.ts'
import { DeadLetterStore } from './dead-letter-store.ts'
import { matchingLetters } from './list-dead-letters.ts'
import { refuseAborted } from '../refuse-aborted.ts'

export interface DiscardOptions {
  /** Look, and change nothing. Default true. */
  readonly dryRun?: boolean
  /** Told of each letter as soon as it is gone, or with `dryRun` would be. */
  readonly onDiscarded?: (letter: DeadLetterEntry) => void
  /** Ends it before the next letter, with KitError `aborted`. */
  readonly signal?: AbortSignal
}

export interface DiscardReport {
  readonly dryRun: boolean
  /** Letters that were removed, or with `dryRun` would be. */
  readonly discarded: number
}

/**
 * Removes dead letters for good; their bytes are overwritten on the broker's disk.
 *
 * @throws KitError as `listDeadLetters`; what was discarded before stays so.
 */
export async function discardDeadLetters(
  connection: Connection,
  stream: string,
  filter: DeadLetterFilter = {},
  options: DiscardOptions = {},
): Promise<DiscardReport> {
  const { dryRun = true, onDiscarded } = options
  checkFilter(filter)
  const store = await DeadLetterStore.open(connection, stream)
  let discarded = 0
  for await (const letter of matchingLetters(store, filter)) {
    refuseAborted(options.signal)
    if (!dryRun && !(await store.remove(letter, true))) continue
    discarded++
    onDiscarded?.(letter.entry)
  }
  return { dryRun, discarded }
}
