import { positive, wholeMs } from '../checked-options.ts'
import { KitError, KitErrorCode } from '../errors.ts'

export interface ReadOptions {
  /** Where to begin: with the oldest that is stored, with what was stored at a time or later, or with a sequence of the stream. */
  readonly from: 'start' | { readonly time: Date } | { readonly sequence: number }
  /** The last to read, included. Default: without `live` what is stored when reading begins, with it no end. */
  readonly to?: { readonly time: Date } | { readonly sequence: number }
  /** Goes on with what is stored later. Default false. */
  readonly live?: boolean
  /** Ends it, with KitError `aborted`. */
  readonly signal?: AbortSignal
  /** Messages that are fetched ahead of the reader, at most. Default 256. */
  readonly maxMessages?: number
  /** Bytes of them, headers included; the message that reaches it is the last. Default 1,048,576. */
  readonly maxBytes?: number
  /** With `live`: how often to ask for more when all is read, in milliseconds. Default 250. */
  readonly pollMs?: number
}

/** The options with every default filled in. */
export interface ReadSettings {
  /** Undefined: with the oldest. */
  readonly fromSeq: number | undefined
  readonly fromTime: Date | undefined
  readonly toSeq: number
  /** Milliseconds of the Unix epoch. */
  readonly toMs: number
  readonly live: boolean
  readonly maxMessages: number
  readonly maxBytes: number
  readonly pollMs: number
}

/** @throws KitError `invalid_options`, saying which option and why. */
export function resolveReadOptions({ from, to, ...options }: ReadOptions): ReadSettings {
  const { live = false } = options
  if (from !== 'start') assertPlace('from', from, '"start", ')
  if (to !== undefined) assertPlace('to', to, '')
  return {
    fromSeq: from !== 'start' && 'sequence' in from ? from.sequence : undefined,
    fromTime: from !== 'start' && 'time' in from ? from.time : undefined,
    toSeq: to && 'sequence' in to ? to.sequence : Number.POSITIVE_INFINITY,
    toMs: to && 'time' in to ? to.time.getTime() : Number.POSITIVE_INFINITY,
    live,
    maxMessages: positive('maxMessages', options.maxMessages ?? 256),
    maxBytes: positive('maxBytes', options.maxBytes ?? 1_048_576),
    pollMs: wholeMs('pollMs', options.pollMs ?? 250),
  }
}

function assertPlace(name: string, place: unknown, besides: string): void {
  const { time, sequence } = (place ?? {}) as { readonly time?: unknown; readonly sequence?: unknown }
  if (time instanceof Date && Number.isFinite(time.getTime()) && sequence === undefined) return
  if (typeof sequence === 'number' && Number.isSafeInteger(sequence) && sequence >= 1 && time === undefined) return
  throw new KitError(
    KitErrorCode.InvalidOptions,
    `${name} must be ${besides}{ time } with a valid Date, or { sequence } with a whole number from 1`,
  )
}
