/** The messages of one key that have no end, by their sequence. */
interface Line {
  /** Whose turn it is: with its handler, or waiting for its retry. */
  current: number | undefined
  /** The others, the earliest first. Some are here, some with the broker. */
  readonly waiting: number[]
}

/** What an earlier process, or a connection that was lost, has left without a verdict. */
interface Unsettled {
  /** Sequence of the last message that was delivered. */
  readonly upTo: number
  /** Messages that were delivered, have no end, and are not here. */
  missing: number
  /** When it is no longer waited for, in milliseconds of `performance.now()`. */
  readonly until: number
}

/**
 * Which message of a key has its turn: the earliest without an end, and no other. Numbers alone; the messages are held by
 * whoever asks.
 *
 * At the start, deliveries of the process before are still to come, perhaps after what is new. Until they are here no message
 * begins.
 */
export class KeyOrder {
  readonly #lines = new Map<string, Line>()
  readonly #keys = new Map<number, string>()
  readonly #failures = new Map<number, number>()
  /** Messages that went back to the broker, and until when they are waited for. */
  readonly #away = new Map<number, number>()
  #unsettled: Unsettled | undefined

  /** Messages without an end. */
  get size(): number {
    return this.#keys.size
  }

  /** Whether everything without an end is here. */
  get isComplete(): boolean {
    return this.#away.size === 0 && this.#unsettled === undefined
  }

  get isSettling(): boolean {
    return this.#unsettled !== undefined
  }

  /** Whether it was delivered for the first time while earlier deliveries are still to come. */
  isEarly(seq: number): boolean {
    return this.#unsettled !== undefined && seq > this.#unsettled.upTo
  }

  /** A delivery came. @returns whether its handler may begin; else it is to be held until `ended` or `settled` names it. */
  take(seq: number, key: string): boolean {
    this.#away.delete(seq)
    const line = this.#lineOf(key)
    if (this.#keys.has(seq)) return line.current === seq
    this.#keys.set(seq, key)
    insert(line.waiting, seq)
    const unsettled = this.#unsettled
    if (unsettled) {
      if (seq <= unsettled.upTo) unsettled.missing--
      return false
    }
    if (line.current !== undefined || line.waiting[0] !== seq) return false
    line.current = line.waiting.shift()
    return true
  }

  /** A message has its end. @returns the one whose turn it is now. */
  ended(seq: number): number | undefined {
    const key = this.#keys.get(seq)
    if (key === undefined) return undefined
    this.#keys.delete(seq)
    this.#failures.delete(seq)
    this.#away.delete(seq)
    const line = this.#lineOf(key)
    if (line.current !== seq) {
      const at = line.waiting.indexOf(seq)
      if (at >= 0) line.waiting.splice(at, 1)
    } else line.current = undefined
    return this.#next(key, line)
  }

  /** It failed here, and waits here for its retry: a failure that the broker does not count. */
  failed(seq: number): void {
    this.#failures.set(seq, this.failuresOf(seq) + 1)
  }

  failuresOf(seq: number): number {
    return this.#failures.get(seq) ?? 0
  }

  /** It went back to the broker, which redelivers it; perhaps to another instance, so it is not waited for without end. */
  wentBack(seq: number, until: number): void {
    if (this.#keys.has(seq)) this.#away.set(seq, until)
  }

  /** The consumer begins to deliver, with so many deliveries that have no verdict and are not here. */
  begins(upTo: number, missing: number, until: number): void {
    this.#unsettled = missing > 0 ? { upTo, missing, until } : undefined
  }

  /** Everything up to that sequence has its verdict, whoever gave it. */
  settledUpTo(seq: number): void {
    if (this.#unsettled && seq >= this.#unsettled.upTo) this.#unsettled.missing = 0
  }

  /** @returns those whose turn it is because something came, or is no longer waited for. */
  due(now: number): readonly number[] {
    const due: number[] = []
    const unsettled = this.#unsettled
    if (unsettled && (unsettled.missing <= 0 || now >= unsettled.until)) {
      this.#unsettled = undefined
      for (const [key, line] of this.#lines) due.push(...some(this.#next(key, line)))
    }
    for (const [seq, until] of this.#away) if (now >= until) due.push(...some(this.ended(seq)))
    return due
  }

  #next(key: string, line: Line): number | undefined {
    if (this.#unsettled || line.current !== undefined) return undefined
    line.current = line.waiting.shift()
    if (line.current === undefined) this.#lines.delete(key)
    return line.current
  }

  #lineOf(key: string): Line {
    let line = this.#lines.get(key)
    if (!line) this.#lines.set(key, (line = { current: undefined, waiting: [] }))
    return line
  }
}

/** Most come in order, so from behind. */
function insert(sorted: number[], seq: number): void {
  let at = sorted.length
  while (at > 0 && (sorted[at - 1] as number) > seq) at--
  sorted.splice(at, 0, seq)
}

function some(seq: number | undefined): readonly number[] {
  return seq === undefined ? [] : [seq]
}
