import { type DeadLetterNotice, DeadLetterReason, type StreamWatch, type WatchPosition } from '@alarm-bus/nats-kit'
import {
  type AlertTimes,
  began,
  type Due,
  dueOf,
  found,
  happened,
  toldOf,
  type Trouble,
  type TroubleOf,
} from './trouble.ts'

/** Troubles of one stream that are told apart; dead letters that exceed them are told together. */
const MAX_TROUBLES = 32
/** Alerts that may be under way at once. */
export const SLOTS = 4
/** Characters of a name or a reason that are kept; a record has to stay below 1,000 bytes. */
const MAX_CHARACTERS = 100
const KNOWN_REASONS: ReadonlySet<string> = new Set(Object.values(DeadLetterReason))
/** The keys of records. */
const POSITION = 'position'
const TROUBLE = 't-'
const OUT = 'out-'
/** Of dead letters for which there is no record left, and what they are called then. */
const REST = `${TROUBLE}${MAX_TROUBLES}`
const OTHERS = 'other consumers'

/** One alert that is being sent: which troubles it tells of, and what of them. */
export interface Alert {
  readonly slot: number
  /** In milliseconds of the Unix epoch. With the slot its identity, for sinks too. */
  readonly at: number
  readonly tells: readonly { readonly key: string; readonly due: Due; readonly count: number }[]
}

/** Another instance has written the records meanwhile; what this one knows is out of date. */
export class OutOfDate extends Error {}

interface Kept<T> {
  value: T | undefined
  seq: number
  dirty: boolean
}

/** A trouble with the letters up to which it is counted, so that letters that are read again count once. */
type Counted = Trouble & { readonly upTo: number; readonly upToShare: number }

/**
 * What is known of the troubles of one stream, kept in records on the broker: the next process goes on where this one was.
 * Everything is changed in memory, and written by `save`.
 */
export class TroubleBook {
  readonly #watch: StreamWatch
  readonly #times: AlertTimes
  readonly #records = new Map<string, Kept<Counted | WatchPosition | Alert>>()
  #lastAt = 0

  private constructor(watch: StreamWatch, times: AlertTimes) {
    this.#watch = watch
    this.#times = times
  }

  static async load(watch: StreamWatch, times: AlertTimes): Promise<TroubleBook> {
    const book = new TroubleBook(watch, times)
    const slots = (prefix: string, count: number) => Array.from({ length: count }, (_, slot) => `${prefix}${slot}`)
    // As many as there may be, and the one of what exceeds them.
    const keys = [POSITION, ...slots(OUT, SLOTS), ...slots(TROUBLE, MAX_TROUBLES + 1)]
    await Promise.all(
      keys.map(async (key) => {
        const { value = '', seq } = await watch.record(key)
        book.#records.set(key, { value: parsed(value), seq, dirty: false })
      }),
    )
    return book
  }

  get position(): WatchPosition | undefined {
    return this.#records.get(POSITION)?.value as WatchPosition | undefined
  }

  /** Alerts that an earlier process began to send, or this one. */
  get underWay(): readonly Alert[] {
    return [...this.#records].flatMap(([key, { value }]) => (key.startsWith(OUT) && value ? [value as Alert] : []))
  }

  trouble(key: string): Trouble | undefined {
    return this.#records.get(key)?.value as Trouble | undefined
  }

  /** Counts what happened up to `position`, of each trouble what it has not counted before. */
  happened(
    events: readonly { readonly of: TroubleOf; readonly notice: DeadLetterNotice }[],
    position: WatchPosition,
    now: number,
  ): void {
    const { letters, shares } = this.position ?? {}
    const isSame = {
      letters: letters?.created === position.letters?.created,
      shares: shares?.created === position.shares?.created,
    }
    for (const { of, notice } of events) {
      const { seq, inShare, storedAt } = notice
      const key = this.#keyFor(of) ?? REST
      const known = this.#counted(key)
      const isCounted = inShare
        ? isSame.shares && seq <= (known?.upToShare ?? 0)
        : isSame.letters && seq <= (known?.upTo ?? 0)
      if (isCounted) continue
      const what = key === REST ? { ...of, consumer: OTHERS, reason: '' } : of
      const trouble = known ? happened(known, 1, now) : began(cut(what), 1, storedAt.getTime(), now, this.#times)
      // Letters come in order, so that all up to this one are counted.
      const upTo = inShare ? { upToShare: seq } : { upTo: seq }
      this.#set(key, { ...NOTHING_COUNTED, ...known, ...trouble, ...upTo })
    }
    if (JSON.stringify(this.position) !== JSON.stringify(position)) this.#set(POSITION, position)
  }

  /** Something that is counted and comes without a number of its own. */
  missed(of: TroubleOf, count: number, now: number): void {
    const key = this.#keyFor(of)
    if (key === undefined) return
    const known = this.#counted(key)
    const trouble = known ? happened(known, count, now) : began(cut(of), count, now, now, this.#times)
    this.#set(key, { ...NOTHING_COUNTED, ...trouble })
  }

  /** All states that are so now; of those that are known, each other one is over. */
  states(
    now: number,
    states: readonly { readonly of: TroubleOf; readonly count: number; readonly since: number }[],
  ): void {
    const on = new Set<string>()
    for (const { of, count, since } of states) {
      const key = this.#keyFor(of)
      // Found again as soon as there is space.
      if (key === undefined) continue
      on.add(key)
      const known = this.#counted(key)
      const trouble = known ? found(known, true, count, now) : began(cut(of), count, since, now, this.#times)
      // What only goes on is no reason to write.
      this.#set(key, { ...NOTHING_COUNTED, ...trouble }, known?.on !== true)
    }
    for (const [key, trouble] of this.#troubles()) {
      const isState = trouble.kind === 'stalled' || trouble.kind === 'full'
      if (!isState || !trouble.on || on.has(key)) continue
      // No alert was sent, so none has to say that it is over.
      this.#set(key, trouble.told === 0 ? undefined : { ...trouble, ...found(trouble, false, 0, now) })
    }
  }

  /** Whether a state is known to be so. */
  has(of: TroubleOf): boolean {
    const key = this.#keyFor(of)
    return key !== undefined && this.trouble(key)?.on === true
  }

  /** Begins an alert of at most `lines` troubles that are due; undefined while there are none, or too many under way. */
  begin(now: number, lines: number): Alert | undefined {
    const taken = new Set(this.underWay.map(({ slot }) => slot))
    const slot = Array.from({ length: SLOTS }, (_, index) => index).find((index) => !taken.has(index))
    if (slot === undefined) return undefined
    const busy = new Set(this.underWay.flatMap(({ tells }) => tells.map(({ key }) => key)))
    const tells = this.#troubles()
      .flatMap(([key, trouble]) => {
        const due = busy.has(key) ? undefined : dueOf(trouble, now, this.#times)
        return due === undefined ? [] : [{ key, due, count: trouble.count }]
      })
      .slice(0, lines)
    if (tells.length === 0) return undefined
    this.#lastAt = Math.max(now, this.#lastAt + 1)
    const alert = { slot, at: this.#lastAt, tells }
    this.#set(outKey(alert), alert)
    return alert
  }

  /** The same with the counts of now, for as long as no sink has taken it. */
  refreshed(alert: Alert): Alert {
    const tells = alert.tells.map((tell) => ({ ...tell, count: this.trouble(tell.key)?.count ?? tell.count }))
    return { ...alert, tells }
  }

  /** The alert has arrived, or no sink will take it. */
  end({ tells, ...alert }: Alert, now: number): void {
    for (const { key, due, count } of tells) {
      const trouble = this.#counted(key)
      if (!trouble) continue
      const isOver = due === 'over' && dueOf(trouble, now, this.#times) === 'over'
      this.#set(key, isOver ? undefined : { ...trouble, ...toldOf(trouble, count, now, this.#times) })
    }
    this.#set(outKey(alert), undefined)
  }

  /**
   * Writes what has changed: troubles before the position up to which they are counted, and before the alert that tells
   * of them is gone.
   *
   * @throws OutOfDate. What the records throw: it is written with the next call then.
   */
  async save(): Promise<void> {
    const rank = (key: string): number => (key === POSITION || key.startsWith(OUT) ? 1 : 0)
    const dirty = [...this.#records].filter(([, kept]) => kept.dirty).sort(([a], [b]) => rank(a) - rank(b))
    for (const [key, kept] of dirty) {
      const { value } = kept
      kept.dirty = false
      try {
        const seq = await this.#watch.putRecord(key, value ? JSON.stringify(value) : '', kept.seq)
        if (seq === undefined) throw new OutOfDate(`another instance has written ${key}`)
        kept.seq = seq
      } catch (error) {
        kept.dirty = true
        throw error
      }
    }
  }

  #troubles(): readonly (readonly [string, Counted])[] {
    return [...this.#records].flatMap(([key, { value }]) =>
      key.startsWith(TROUBLE) && value ? [[key, value as Counted] as const] : [],
    )
  }

  #counted(key: string): Counted | undefined {
    return this.#records.get(key)?.value as Counted | undefined
  }

  #set(key: string, value: Counted | WatchPosition | Alert | undefined, isNew = true): void {
    const kept = this.#records.get(key)
    if (!kept) throw new Error(`there is no record ${key}`)
    kept.value = value
    kept.dirty ||= isNew
  }

  /** The record of a trouble, or a free one; undefined when all are taken. */
  #keyFor(of: TroubleOf): string | undefined {
    const name = nameOf(of)
    const taken = this.#troubles()
    const known = taken.find(([, trouble]) => nameOf(trouble) === name)
    if (known) return known[0]
    const keys = new Set(taken.map(([key]) => key))
    const slot = Array.from({ length: MAX_TROUBLES }, (_, index) => index).find((index) => !keys.has(TROUBLE + index))
    return slot === undefined ? undefined : TROUBLE + slot
  }
}

const NOTHING_COUNTED = { upTo: 0, upToShare: 0 }

/** By which troubles are told apart. Unknown reasons count as one. */
function nameOf(of: TroubleOf): string {
  const { kind, stream, consumer, reason } = cut(of)
  const known = kind !== 'deadLetters' ? '' : KNOWN_REASONS.has(reason) ? reason : 'unknown'
  return JSON.stringify([kind, stream, consumer, known])
}

/** As much of it as is kept. */
function cut({ kind, stream, consumer, reason }: TroubleOf): TroubleOf {
  const short = (text: string): string => text.toWellFormed().slice(0, MAX_CHARACTERS).toWellFormed()
  return { kind, stream, consumer: short(consumer), reason: short(reason) }
}

function outKey({ slot }: Pick<Alert, 'slot'>): string {
  return `${OUT}${slot}`
}

/** A record that this app cannot read counts as missing. */
function parsed(text: string): never | undefined {
  try {
    return JSON.parse(text) as never
  } catch {
    return undefined
  }
}
