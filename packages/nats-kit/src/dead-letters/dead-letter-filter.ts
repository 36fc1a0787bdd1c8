import { KitError, KitErrorCode } from '../errors.ts'
import type { DeadLetterEntry } from './dead-letter-entry.ts'

/** Which dead letters; what is not given does not matter. */
export interface DeadLetterFilter {
  readonly channel?: string
  /** The consumer that failed, by its name on the broker: `log-consumer_alarm-to-bot`. */
  readonly consumer?: string
  readonly reason?: string
  /** Stored longer ago than this, in milliseconds. */
  readonly olderThanMs?: number
  /** Stored within this time, in milliseconds. */
  readonly newerThanMs?: number
  /** One letter, by its own sequence. */
  readonly seq?: number
  /** Those behind these numbers: of the letters that all consumers have in one place, and of those in their shares. */
  readonly after?: { readonly letter?: number; readonly share?: number }
  /** At most so many, the oldest first. */
  readonly limit?: number
  /** Asked about each letter that the rest leaves. */
  readonly where?: (letter: DeadLetterEntry) => boolean
}

/** A token of a subject: no dot, no wildcard, no blank. */
const TOKEN = /^[^\s.*>]+$/

/** @throws KitError `invalid_options`, naming what cannot work. */
export function checkFilter(filter: DeadLetterFilter): void {
  const refuse = (why: string): never => {
    throw new KitError(KitErrorCode.InvalidOptions, `dead letters cannot be looked for: ${why}`)
  }
  if (filter.consumer !== undefined && !TOKEN.test(filter.consumer)) {
    refuse(`consumer must be one name without ".", "*", ">" or blanks, not ${JSON.stringify(filter.consumer)}`)
  }
  for (const name of ['seq', 'limit'] as const) {
    const value = filter[name]
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) {
      refuse(`${name} must be a whole number from 1, not ${value}`)
    }
  }
  for (const [name, value] of Object.entries(filter.after ?? {})) {
    if (!Number.isSafeInteger(value) || value < 0) refuse(`after.${name} must be a whole number, not ${value}`)
  }
  for (const name of ['olderThanMs', 'newerThanMs'] as const) {
    const value = filter[name]
    if (value !== undefined && !(value >= 0)) refuse(`${name} must be a number of milliseconds, not ${value}`)
  }
}

/**
 * Whether a letter is meant, as seen from `now` in milliseconds of the Unix epoch. Its consumer is not asked about:
 * only that one's letters are looked for.
 */
export function matchesFilter(entry: DeadLetterEntry, filter: DeadLetterFilter, now: number): boolean {
  const ageMs = now - entry.storedAt.getTime()
  return (
    (filter.channel === undefined || entry.channel === filter.channel) &&
    (filter.reason === undefined || entry.reason === filter.reason) &&
    (filter.seq === undefined || entry.seq === filter.seq) &&
    (filter.olderThanMs === undefined || ageMs > filter.olderThanMs) &&
    (filter.newerThanMs === undefined || ageMs <= filter.newerThanMs) &&
    (filter.where?.(entry) ?? true)
  )
}
