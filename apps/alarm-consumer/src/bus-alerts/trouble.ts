/** What can be wrong on the bus. Two of them happen, message by message; two are so for a while. */
export type TroubleKind = 'deadLetters' | 'missed' | 'stalled' | 'full'

/** One trouble, by which it is told apart from others. */
export interface TroubleOf {
  readonly kind: TroubleKind
  /** The declared stream, or for `full` the stream that is meant. */
  readonly stream: string
  /** Of `full` empty. */
  readonly consumer: string
  /** Of dead letters. */
  readonly reason: string
}

/** A trouble as it is remembered. Times are milliseconds of the Unix epoch. */
export interface Trouble extends TroubleOf {
  /** Messages, or what is measured: those that wait, or the share in percent that is taken. */
  readonly count: number
  /** When the first of it happened. */
  readonly since: number
  /** When it was last seen to happen, or to be so. */
  readonly last: number
  /** Whether a state still is so; of what happens always true. */
  readonly on: boolean
  /** How often it was told, and the count then. */
  readonly told: number
  readonly toldCount: number
  /** When it may be told again. */
  readonly nextAt: number
}

/** The times of all alerts follow from one: how long two alerts of one trouble are apart at first. */
export interface AlertTimes {
  readonly pauseMs: number
}

const DAY_MS = 24 * 3_600_000
/** The distances between alerts of one trouble grow so. */
const GROWTH = 3
/** Nothing new for so many pauses, and it is over. */
const QUIET_PAUSES = 3
/** The first alert waits this long for what comes along with the first of it; a short pause gives a shorter wait. */
const GATHER_MS = 2_000

export type Due = 'began' | 'goesOn' | 'over'

/** A trouble of which nothing was told yet. */
export function began(of: TroubleOf, count: number, since: number, now: number, { pauseMs }: AlertTimes): Trouble {
  const { kind, stream, consumer, reason } = of
  const gatherMs = Math.min(GATHER_MS, pauseMs / 5)
  return {
    kind,
    stream,
    consumer,
    reason,
    count,
    since,
    last: now,
    on: true,
    told: 0,
    toldCount: 0,
    nextAt: now + gatherMs,
  }
}

/** More of what happens. */
export function happened(trouble: Trouble, more: number, now: number): Trouble {
  return { ...trouble, count: trouble.count + more, last: now }
}

/** A state as it was just found. */
export function found(trouble: Trouble, on: boolean, count: number, now: number): Trouble {
  return on ? { ...trouble, on, count, last: now } : { ...trouble, on, last: trouble.on ? now : trouble.last }
}

/** What is to be told of it now, if anything. A clock that was set back delays nothing for longer than a distance. */
export function dueOf(trouble: Trouble, now: number, times: AlertTimes): Due | undefined {
  const { told, on, last, count, toldCount } = trouble
  const isUp = now >= trouble.nextAt || trouble.nextAt - now > distanceMs(told, times)
  if (told === 0) return isUp ? 'began' : undefined
  const happens = trouble.kind === 'deadLetters' || trouble.kind === 'missed'
  if (happens ? Math.abs(now - last) >= QUIET_PAUSES * times.pauseMs : !on) return 'over'
  if (!isUp) return undefined
  return !happens || count > toldCount ? 'goesOn' : undefined
}

/** Of a trouble that was told with `count`. */
export function toldOf(trouble: Trouble, count: number, now: number, times: AlertTimes): Trouble {
  const told = trouble.told + 1
  return { ...trouble, told, toldCount: count, nextAt: now + distanceMs(told, times) }
}

/** Until the next alert after so many: 5 min, 15 min, 45 min, … a day. */
function distanceMs(told: number, { pauseMs }: AlertTimes): number {
  return Math.min(Math.max(DAY_MS, pauseMs), pauseMs * GROWTH ** Math.min(Math.max(0, told - 1), 20))
}
