import type { Outcome } from './decide.ts'
import type { Envelope } from './envelope.ts'
import type { Lease, Leases } from './leases.ts'
import type { Trials } from './trials.ts'

/** Until a message that cannot be run now is redelivered. */
const LATER_MS = 5_000

export interface TurnsOf {
  readonly leases: Leases
  readonly trials: Trials
  /** Handlers that may be at work at once. */
  readonly concurrency: number
  /** Ends what waits for its turn. */
  readonly stopped: AbortSignal
  readonly run: (lease: Lease, now: number) => void
  readonly settle: (lease: Lease, outcome: Outcome) => void
  readonly onBug: (lease: Lease, error: unknown) => void
}

/**
 * When each message's handler begins: at once while fewer than `concurrency` are at work, else in the order of arrival. During
 * a pause none begins. A message that may end its process is run alone: before it none is at work, and none begins beside it.
 */
export class Turns {
  readonly #of: TurnsOf
  #waiting: Lease[] = []
  #suspects: Lease[] = []
  #trial: Lease | undefined
  #isHeld = false
  #trouble: string | undefined

  constructor(of: TurnsOf) {
    this.#of = of
  }

  /** Why messages wait that should run: the one that may end its process is not tried, or is, and keeps the others. */
  get trouble(): string | undefined {
    const behind = this.#waiting.length + this.#suspects.length
    if (this.#trial === undefined || behind === 0) return this.#trouble
    return `a message that may end its process is run alone; ${behind} messages wait for it`
  }

  take(lease: Lease, now: number): void {
    if (this.#canRun) this.#of.run(lease, now)
    else this.#waiting.push(lease)
  }

  takeSuspect(lease: Lease): void {
    this.#suspects.push(lease)
    this.#next()
  }

  hold(): void {
    this.#isHeld = true
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  release(): void {
    this.#isHeld = false
    this.#next()
  }

  /** A lease was taken from its handler and goes on as another. */
  replaced(lease: Lease, own: Lease): void {
    if (lease === this.#trial) this.#trial = own
  }

  /** A message has its verdict, or waits for its next run. */
  freed(lease: Lease, envelope: Envelope): void {
    if (lease === this.#trial) {
      this.#trial = undefined
      void this.#of.trials.end(envelope.key).then(() => this.#next())
    } else if (this.#waiting.length > 0 || this.#suspects.length > 0) this.#next()
  }

  /** What has not begun. */
  takeAll(): readonly Lease[] {
    return [...this.#waiting.splice(0), ...this.#suspects.splice(0)]
  }

  get #canRun(): boolean {
    if (this.#isHeld || this.#trial !== undefined || this.#suspects.length > 0) return false
    return this.#of.leases.runningCount < this.#of.concurrency
  }

  #next(): void {
    if (this.#isHeld || this.#trial !== undefined) return
    if (this.#suspects.length > 0) {
      if (this.#of.leases.runningCount > 0) return
      const lease = this.#suspects.shift() as Lease
      this.#trial = lease
      this.#try(lease).catch((error: unknown) => this.#of.onBug(lease, error))
    } else
      while (this.#waiting.length > 0 && this.#canRun) this.#of.run(this.#waiting.shift() as Lease, performance.now())
  }

  async #try(lease: Lease): Promise<void> {
    const { envelope } = lease
    const then = envelope === undefined ? 'later' : await this.#of.trials.begin(envelope)
    this.#trouble = then === 'later' ? 'the consumer takes no note that a message is tried' : undefined
    if (then === 'run' && !this.#of.stopped.aborted) return this.#of.run(lease, performance.now())
    this.#of.settle(lease, then === 'unsettled' ? { kind: 'unsettled' } : { kind: 'not_run', delayMs: LATER_MS })
  }
}
