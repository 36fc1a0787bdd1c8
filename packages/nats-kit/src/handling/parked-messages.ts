import type { Envelope } from './envelope.ts'

/** What is parked at once: what exceeds either goes back to the broker. */
const MAX_MESSAGES = 1_000
const MAX_BYTES = 16 * 1024 * 1024
/** Messages whose runs are remembered, the latest ones. */
const MAX_RUNS = 10_000
/** Bytes that a message holds besides its own, at least. */
const MESSAGE_BYTES = 1_024

interface Parked {
  readonly envelope: Envelope
  /** When it is due, in milliseconds of `performance.now()`. */
  readonly dueAt: number
  /** Undefined for what is held. */
  readonly timer: NodeJS.Timeout | undefined
  readonly bytes: number
}

/**
 * Messages whose handler asked to be called later. They stay with this process, kept alive, and no delivery is used up: the
 * broker counts deliveries, and no instance could tell those of the others that were waits from those that failed.
 */
export class ParkedMessages {
  readonly #parked = new Map<string, Parked>()
  /** Keys of what is held, by sequence. */
  readonly #held = new Map<number, string>()
  /** How often each message was parked, by its sequence, until it has its end. */
  readonly #runs = new Map<number, number>()
  readonly #onDue: (envelope: Envelope) => void
  #bytes = 0

  constructor(onDue: (envelope: Envelope) => void) {
    this.#onDue = onDue
  }

  /**
   * False when there is no space for it.
   *
   * @param again makes what is handled then: on bytes of its own, since the client's are a part of all that came with
   * them, which would stay in memory as a whole.
   */
  park({ data, headerBytes }: Envelope, delayMs: number, again: () => Envelope): boolean {
    const bytes = MESSAGE_BYTES + data.length + (headerBytes?.length ?? 0)
    if (this.#parked.size >= MAX_MESSAGES || this.#bytes + bytes > MAX_BYTES) return false
    const own = again()
    own.reruns = this.runsOf(own.streamSeq) + 1
    this.#runs.delete(own.streamSeq)
    this.#runs.set(own.streamSeq, own.reruns)
    for (const oldest of this.#runs.keys()) if (this.#runs.size > MAX_RUNS) this.#runs.delete(oldest)
    const { key } = own
    const timer = setTimeout(() => {
      this.#forget(key)
      this.#onDue(own)
    }, delayMs)
    timer.unref()
    this.#parked.set(key, { envelope: own, dueAt: performance.now() + delayMs, timer, bytes })
    this.#bytes += bytes
    return true
  }

  /** Runs here that the broker does not count. */
  runsOf(seq: number): number {
    return this.#runs.get(seq) ?? 0
  }

  /** The message has its end. */
  ended(seq: number): void {
    this.#runs.delete(seq)
  }

  /** The same without an end that is known: until `release`. It counts as no run. */
  hold(envelope: Envelope, again: () => Envelope): boolean {
    const { data, headerBytes } = envelope
    const bytes = MESSAGE_BYTES + data.length + (headerBytes?.length ?? 0)
    if (this.#parked.size >= MAX_MESSAGES || this.#bytes + bytes > MAX_BYTES) return false
    const own = again()
    own.reruns = envelope.reruns
    this.#parked.set(own.key, { envelope: own, dueAt: 0, timer: undefined, bytes })
    this.#held.set(own.streamSeq, own.key)
    this.#bytes += bytes
    return true
  }

  /** What was held, and is no longer here. */
  release(seq: number): Envelope | undefined {
    const key = this.#held.get(seq)
    const parked = key === undefined ? undefined : this.#parked.get(key)
    if (key !== undefined) this.#forget(key)
    return parked?.envelope
  }

  get size(): number {
    return this.#parked.size
  }

  get heldCount(): number {
    return this.#held.size
  }

  find(key: string): Envelope | undefined {
    return this.#parked.get(key)?.envelope
  }

  forEach(act: (envelope: Envelope) => void): void {
    for (const { envelope } of this.#parked.values()) act(envelope)
  }

  /** All of them, each with the milliseconds that it would still have waited. */
  takeAll(): { readonly envelope: Envelope; readonly leftMs: number }[] {
    const now = performance.now()
    const all = [...this.#parked.values()].map(({ envelope, dueAt }) => ({
      envelope,
      leftMs: Math.max(0, Math.round(dueAt - now)),
    }))
    for (const key of [...this.#parked.keys()]) this.#forget(key)
    return all
  }

  #forget(key: string): void {
    const parked = this.#parked.get(key)
    if (!parked) return
    clearTimeout(parked.timer)
    this.#parked.delete(key)
    this.#held.delete(parked.envelope.streamSeq)
    this.#bytes -= parked.bytes
  }
}
