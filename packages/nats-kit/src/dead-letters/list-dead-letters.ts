import type { Connection } from '../connection/connection.ts'
import type { DeadLetterEntry, StoredDeadLetter } from './dead-letter-entry.ts'
import { checkFilter, type DeadLetterFilter, matchesFilter } from './dead-letter-filter.ts'
import { DeadLetterStore, type LetterPlace } from './dead-letter-store.ts'

/**
 * The dead letters of a stream that match, the oldest first, those in consumers' shares among them. Two are in memory at a
 * time, however many there are, and those that are stored after it began are not part of it.
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

/** The same walk with the bodies, for callers that do something with each letter. */
export async function* matchingLetters(
  store: DeadLetterStore,
  filter: DeadLetterFilter,
): AsyncGenerator<StoredDeadLetter, void, undefined> {
  const now = Date.now()
  const { seq, limit = Number.POSITIVE_INFINITY } = filter
  const places = seq === undefined ? [store.common, store.shares] : [store.placeOf(seq)]
  const walks = new Set(places.map((place) => lettersIn(place, store, filter, now)))
  const heads = new Map<AsyncGenerator<StoredDeadLetter>, StoredDeadLetter>()
  for (let left = limit; left > 0; left--) {
    for (const walk of walks) {
      if (heads.has(walk)) continue
      const next = await walk.next()
      if (next.done) walks.delete(walk)
      else heads.set(walk, next.value)
    }
    const [oldest] = [...heads].sort(([, a], [, b]) => a.entry.storedAt.getTime() - b.entry.storedAt.getTime())
    if (!oldest) return
    yield oldest[1]
    heads.delete(oldest[0])
  }
}

async function* lettersIn(
  place: LetterPlace,
  store: DeadLetterStore,
  filter: DeadLetterFilter,
  now: number,
): AsyncGenerator<StoredDeadLetter, void, undefined> {
  // A letter that is stored meanwhile, such as that of a redriven message, must not keep the walk going for ever.
  const last = Math.min(await store.lastNumber(place), filter.seq ?? Number.MAX_SAFE_INTEGER)
  const subject = place.subjectOf(filter.consumer ?? '*')
  let from = filter.seq ?? place.numbersFrom + 1
  for (;;) {
    const found = await store.next(place, from, subject, last)
    if (!found) return
    from = found.number + 1
    if (found.letter && matchesFilter(found.letter.entry, filter, now)) yield found.letter
  }
}
