import type { Connection } from '../connection/connection.ts'
import type { DeadLetterEntry, StoredDeadLetter } from './dead-letter-entry.ts'
import { checkFilter, type DeadLetterFilter, matchesFilter } from './dead-letter-filter.ts'
import { DeadLetterStore } from './dead-letter-store.ts'

/**
 * The dead letters of a stream that match, the oldest first. One is in memory at a time, however many there are, and
 * those that are stored after it began are not part of it.
 *
 * @throws KitError `invalid_options`, `stream_missing`, `permission_denied` or `broker_unavailable`.
 */
export async function* listDeadLetters(
  connection: Connection,
  stream: string,
  filter: DeadLetterFilter = {},
): AsyncGenerator<DeadLetterEntry, void, undefined> {
  checkFilter(filter)
  const store = await DeadLetterStore.open(connection, stream)
  for await (const { entry } of matchingLetters(store, filter)) yield entry
}

/**
 * One dead letter with the original's bytes and headers, by its own sequence; undefined where there is none.
 *
 * @throws KitError as {@link listDeadLetters}.
 */
export async function showDeadLetter(
  connection: Connection,
  stream: string,
  seq: number,
): Promise<StoredDeadLetter | undefined> {
  checkFilter({ seq })
  return (await DeadLetterStore.open(connection, stream)).get(seq)
}

/** The same walk with the bodies, for whoever does something with each letter. */
export async function* matchingLetters(
  store: DeadLetterStore,
  filter: DeadLetterFilter,
): AsyncGenerator<StoredDeadLetter, void, undefined> {
  const now = Date.now()
  // A letter that is stored meanwhile, such as that of a redriven message, must not keep the walk going for ever.
  const lastSeq = Math.min(await store.lastSeq(), filter.seq ?? Number.MAX_SAFE_INTEGER)
  const subject = `dead-letter.${store.stream}.${filter.consumer ?? '*'}.>`
  let left = filter.limit ?? Number.POSITIVE_INFINITY
  let seq = filter.seq ?? 1
  while (left > 0) {
    const found = await store.next(seq, subject, lastSeq)
    if (!found) return
    seq = found.seq + 1
    if (!found.letter || !matchesFilter(found.letter.entry, filter, now)) continue
    left--
    yield found.letter
  }
}
