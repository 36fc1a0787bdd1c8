import { KitError, KitErrorCode } from '../errors.ts'

/** When a message is delivered: once, or again and again. Exactly one of them. */
export type ScheduleWhen =
  /** Once, at this time. */
  | { readonly at: Date }
  /** Once, so many milliseconds from now by this process's clock. */
  | { readonly delayMs: number }
  /** Every so many milliseconds, the first time after one interval; whole seconds. */
  | { readonly everyMs: number }
  /**
   * As cron says, in five fields, or in six with seconds first; `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`
   * as well. `timeZone` is one of the IANA database; default UTC.
   */
  | { readonly cron: string; readonly timeZone?: string }

/** The same, in the words that the server reads. */
export interface ServerSchedule {
  readonly pattern: string
  readonly timeZone: string | undefined
  /** Of one that is delivered once. */
  readonly at: Date | undefined
  /** What was asked for, as JSON: the same text for the same wish. */
  readonly text: string
}

const FORMS = ['at', 'delayMs', 'everyMs', 'cron'] as const
/** The server's own: below, it refuses the schedule. */
const MIN_INTERVAL_MS = 1_000
/** Ten years. What waits longer belongs into a database. */
const MAX_AHEAD_MS = 10 * 366 * 24 * 3_600_000
const CRON_NAME = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$/
const MAX_CRON_CHARACTERS = 256
const TIME_ZONE = /^[A-Za-z0-9_+/-]{1,64}$/

/** @throws KitError `invalid_schedule`, `schedule_in_past`, `invalid_interval`, `invalid_cron`, `unknown_time_zone`. */
export function toServerSchedule(when: ScheduleWhen, nowMs: number = Date.now()): ServerSchedule {
  const given = FORMS.filter((form) => Object(when)[form] !== undefined)
  if (given.length !== 1)
    throw invalid(`a schedule takes one of at, delayMs, everyMs and cron, not ${given.join(' and ') || 'none of them'}`)
  if ('cron' in when) return ofCron(when.cron, when.timeZone)
  if ('timeZone' in when && when.timeZone !== undefined) throw invalid('timeZone goes with cron alone')
  if ('everyMs' in when) return ofInterval(when.everyMs)
  if ('delayMs' in when) {
    const { delayMs } = when
    if (!Number.isSafeInteger(delayMs) || delayMs < 1 || delayMs > MAX_AHEAD_MS)
      throw invalid(`delayMs must be a whole number of milliseconds from 1 to ${MAX_AHEAD_MS}, not ${delayMs}`)
    return ofTime(new Date(nowMs + delayMs), { delayMs })
  }
  const { at } = when
  if (!(at instanceof Date) || Number.isNaN(at.getTime())) throw invalid('at must be a valid Date')
  if (at.getTime() <= nowMs)
    throw new KitError(
      KitErrorCode.ScheduleInPast,
      `${at.toISOString()} is over; publish the message, or name a later time`,
    )
  if (at.getTime() - nowMs > MAX_AHEAD_MS)
    throw invalid(`${at.toISOString()} is more than ten years ahead; keep what waits that long in a database`)
  return ofTime(at, { at: at.toISOString() })
}

/** When a schedule was made for, read from what is stored; undefined for text that is none. */
export function readWhen(text: string): ScheduleWhen | undefined {
  try {
    const stored = JSON.parse(text) as { readonly at?: string; readonly cron?: string }
    if (typeof stored !== 'object' || stored === null) return undefined
    return (stored.at === undefined ? stored : { at: new Date(stored.at) }) as ScheduleWhen
  } catch {
    return undefined
  }
}

function ofTime(at: Date, wish: object): ServerSchedule {
  return { pattern: `@at ${at.toISOString()}`, timeZone: undefined, at, text: JSON.stringify(wish) }
}

function ofInterval(everyMs: number): ServerSchedule {
  if (!Number.isSafeInteger(everyMs) || everyMs < MIN_INTERVAL_MS || everyMs % 1_000 !== 0 || everyMs > MAX_AHEAD_MS)
    throw new KitError(
      KitErrorCode.InvalidInterval,
      `everyMs must be a whole number of seconds from ${MIN_INTERVAL_MS} to ${MAX_AHEAD_MS} milliseconds, not ${everyMs}`,
    )
  return {
    pattern: `@every ${everyMs / 1_000}s`,
    timeZone: undefined,
    at: undefined,
    text: JSON.stringify({ everyMs }),
  }
}

/** Whether its fields can be read is the server's to say, and whether there is such a time zone. */
function ofCron(cron: string, timeZone: string | undefined): ServerSchedule {
  const fields = typeof cron === 'string' && cron.length <= MAX_CRON_CHARACTERS ? cron.trim().split(/\s+/) : []
  const isNamed = fields.length === 1 && CRON_NAME.test(fields[0] as string)
  if (
    !isNamed &&
    ((fields.length !== 5 && fields.length !== 6) || !fields.every((field) => /^[\w*,/?-]+$/.test(field)))
  )
    throw invalidCron(cron)
  if (timeZone !== undefined && (typeof timeZone !== 'string' || !TIME_ZONE.test(timeZone)))
    throw unknownTimeZone(timeZone)
  return {
    pattern: fields.length === 5 ? `0 ${fields.join(' ')}` : fields.join(' '),
    timeZone,
    at: undefined,
    text: JSON.stringify({ cron, ...(timeZone !== undefined && { timeZone }) }),
  }
}

export function invalidCron(cron: string): KitError {
  return new KitError(
    KitErrorCode.InvalidCron,
    `${JSON.stringify(cron)} is not a cron expression; write five fields (minute hour day month weekday), six with seconds first, or @hourly, @daily, @weekly, @monthly, @yearly`,
  )
}

export function unknownTimeZone(timeZone: string): KitError {
  return new KitError(
    KitErrorCode.UnknownTimeZone,
    `the broker knows no time zone ${JSON.stringify(timeZone)}; use a name of the IANA database, such as Asia/Seoul`,
  )
}

function invalid(why: string): KitError {
  return new KitError(KitErrorCode.InvalidSchedule, why)
}
