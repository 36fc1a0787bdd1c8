/**
 * Where a consumer begins that is not there yet: with everything that the stream holds, with what is published from now
 * on, with what was stored at a time or later, or with a sequence of the stream.
 */
export type StartAt = 'all' | 'new' | { readonly time: Date } | { readonly sequence: number }

/** Why it cannot work; undefined where it can. */
export function whyNoStart(startAt: StartAt): string | undefined {
  if (startAt === 'all' || startAt === 'new') return undefined
  if (typeof startAt === 'object' && startAt !== null) {
    if ('time' in startAt && startAt.time instanceof Date && Number.isFinite(startAt.time.getTime())) return undefined
    if ('sequence' in startAt && Number.isSafeInteger(startAt.sequence) && startAt.sequence >= 1) return undefined
  }
  return 'startAt must be "all", "new", { time } with a valid Date or { sequence } with a whole number from 1'
}
