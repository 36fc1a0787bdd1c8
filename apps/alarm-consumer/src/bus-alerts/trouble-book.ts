import { createHash } from 'node:crypto'
import { DeadLetterReason, type StreamWatch, type WatchPosition } from '@alarm-bus/nats-kit'
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

/** Troubles of one stream that are told apart; what exceeds them is told together. */
const MAX_TROUBLES = 64
/** Alerts that may be under way at once. */
export const SLOTS = 4
/** Characters of a name or a reason that are kept; a record has to stay below 1,000 bytes. */
const MAX_CHARACTERS = 100
const KNOWN_REASONS: ReadonlySet<string> = new Set(Object.values(DeadLetterReason))
/** The keys of records. */
const POSITION = 'position'
const TROUBLE = 't-'
const OUT = 'out-'

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

/** A trouble with the letter up to which it is counted, so that letters that are read again count once. */
type Counted = Trouble & { readonly upTo: number }

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
    for (const [key, { value = '', seq }] of await watch.records())
      book.#records.set(key, { value: parsed(value), seq, dirty: false })
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
    events: readonly { readonly of: TroubleOf; readonly seq: number; readonly at: number }[],
    position: WatchPosition,
    now: number,
  ): void {
    const isSame = this.position?.incarnation === position.incarnation
    for (const { of, seq, at } of events) {
      const key = this.#keyFor(of)
      const known = this.trouble(key) as Counted | undefined
      if (known && isSame && seq <= known.upTo) continue
      const trouble = known ? happened(known, 1, now) : began(cut(of, key), 1, at, now, this.#times)
      // Letters come in order, so that all up to this one are counted.
      this.#set(key, { ...trouble, upTo: seq })
    }
    if (this.position?.seq !== position.seq || !isSame) this.#set(POSITION, position)
  }

  /** Something that is counted and comes without a number of its own. */
  missed(of: TroubleOf, count: number, now: number): void {
    const key = this.#keyFor(of)
    const known = this.trouble(key)
    const trouble = known ? happened(known, count, now) : began(cut(of, key), count, now, now, this.#times)
    this.#set(key, { ...trouble, upTo: 0 })
  }

  /** All states that are so now; of those that are known, each other one is over. */
  states(
    now: number,
    states: readonly { readonly of: TroubleOf; readonly count: number; readonly since: number }[],
  ): void {
    const on = new Set<string>()
    for (const { of, count, since } of states) {
      const key = this.#keyFor(of)
      on.add(key)
      const known = this.trouble(key)
      // What only goes on is no reason to write.
      if (known?.on) this.#set(key, { ...found(known, true, count, now), upTo: 0 }, false)
      else
        this.#set(key, {
          ...(known ? found(known, true, count, now) : began(cut(of, key), count, since, now, this.#times)),
          upTo: 0,
        })
    }
    for (const [key, trouble] of this.#troubles()) {
      const isState = trouble.kind === 'stalled' || trouble.kind === 'full'
      if (!isState || !trouble.on || on.has(key)) continue
      // Nobody was told, so nobody has to hear that it is over.
      this.#set(key, trouble.told === 0 ? undefined : { ...found(trouble, false, 0, now), upTo: 0 })
    }
  }

  /** Whether a state is known to be so. */
  has(of: TroubleOf): boolean {
    return this.trouble(this.#keyFor(of))?.on === true
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
      const trouble = this.trouble(key) as Counted | undefined
      if (!trouble) continue
      const isOver = due === 'over' && dueOf(trouble, now, this.#times) === 'over'
      this.#set(key, isOver ? undefined : { ...toldOf(trouble, count, now, this.#times), upTo: trouble.upTo })
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
        // A slot is used again and again; what is over leaves no record.
        const text = value ? JSON.stringify(value) : key.startsWith(OUT) ? '' : undefined
        const seq = await this.#watch.putRecord(key, text, kept.seq)
        if (seq === undefined) throw new OutOfDate(`another instance has written ${key}`)
        kept.seq = seq
        if (text === undefined && kept.value === undefined) this.#records.delete(key)
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

  #set(key: string, value: Counted | WatchPosition | Alert | undefined, isNew = true): void {
    const kept = this.#records.get(key)
    if (!kept) {
      if (value) this.#records.set(key, { value, seq: 0, dirty: true })
      return
    }
    kept.value = value
    kept.dirty ||= isNew
  }

  /** Reasons that nobody knows are one, and so is what comes when as many are known as may be. */
  #keyFor(of: TroubleOf): string {
    const key = keyOf(of)
    if (this.trouble(key) || this.#troubles().length < MAX_TROUBLES) return key
    return keyOf({ ...of, consumer: OTHERS, reason: '' })
  }
}

const OTHERS = 'other consumers'

function keyOf({ kind, stream, consumer, reason }: TroubleOf): string {
  const of = kind !== 'deadLetters' ? '' : KNOWN_REASONS.has(reason) ? reason : 'unknown'
  const hash = createHash('sha256')
    .update(JSON.stringify([kind, stream, consumer, of]))
    .digest('hex')
  return `${TROUBLE}${hash.slice(0, 16)}`
}

/** As much of it as is kept. */
function cut(of: TroubleOf, key: string): TroubleOf {
  const isOthers = key !== keyOf(of)
  const short = (text: string): string => text.toWellFormed().slice(0, MAX_CHARACTERS).toWellFormed()
  const { kind, stream } = of
  if (isOthers) return { kind, stream, consumer: OTHERS, reason: '' }
  return { kind, stream, consumer: short(of.consumer), reason: short(of.reason) }
}

function outKey({ slot }: Pick<Alert, 'slot'>): string {
  return `${OUT}${slot}`
}

/** What somebody else wrote there is as good as nothing. */
function parsed(text: string): never | undefined {
  try {
    return JSON.parse(text) as never
  } catch {
    return undefined
  }
}
