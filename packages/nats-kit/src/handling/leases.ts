import type { Envelope } from './envelope.ts'

/** One message's share of the bound, from its delivery to its verdict, and what its handler's promise calls. */
export interface Lease {
  /** Undefined while the lease is free, and for ever once it was taken away from a handler that hung. */
  readonly envelope: Envelope | undefined
  /** When the delivery arrived, in milliseconds of `performance.now()`. */
  readonly since: number
  /** When the handler began, on the clock of its user; undefined before, and after its end. */
  readonly runningSince: number | undefined
  readonly onDone: () => void
  readonly onFailed: (error: unknown) => void
}

type OwnLease = { -readonly [Key in keyof Lease]: Lease[Key] } & { retired: Envelope | undefined }

/**
 * The messages that this process has taken and not settled. As many leases as ever were needed at once, which the
 * subscriber's bound limits: a closure for each end of each message, and a set that is rehashed all the time, cost more
 * than the message's own objects. A lease is used again by the next message, so its callbacks are given to native promises
 * only, which call once; one that was taken away is never used again.
 */
export class Leases {
  #leases: OwnLease[] = []
  readonly #free: OwnLease[] = []
  #runningCount = 0
  readonly #onDone: (lease: Lease) => void
  readonly #onFailed: (lease: Lease, error: unknown) => void
  readonly #onLate: (envelope: Envelope, error: unknown) => void

  constructor(ends: {
    readonly onDone: (lease: Lease) => void
    readonly onFailed: (lease: Lease, error: unknown) => void
    /** The handler of a lease that was taken away ended after all; `error` is undefined when it succeeded. */
    readonly onLate: (envelope: Envelope, error: unknown) => void
  }) {
    this.#onDone = ends.onDone
    this.#onFailed = ends.onFailed
    this.#onLate = ends.onLate
  }

  get size(): number {
    return this.#leases.length - this.#free.length
  }

  add(envelope: Envelope, now: number): Lease {
    const lease = this.#free.pop() ?? this.#newLease()
    lease.envelope = envelope
    lease.since = now
    lease.runningSince = undefined
    return lease
  }

  began(lease: Lease, now: number): void {
    ;(lease as OwnLease).runningSince = now
    this.#runningCount++
  }

  /** The handler has ended, and its message is still to be settled. */
  ended(lease: Lease): void {
    if (lease.runningSince === undefined) return
    ;(lease as OwnLease).runningSince = undefined
    this.#runningCount--
  }

  /** Frees the lease, and returns whose it was; undefined when it is free already. */
  remove(lease: Lease): Envelope | undefined {
    const { envelope } = lease
    if (envelope === undefined) return undefined
    const own = lease as OwnLease
    this.ended(own)
    own.envelope = undefined
    if (own.retired === undefined) this.#free.push(own)
    return envelope
  }

  /** Takes the lease from its handler, whose end no longer decides anything; the message is settled by somebody else. */
  retire(lease: Lease): Lease {
    const own = lease as OwnLease
    const { envelope } = own
    if (envelope === undefined) return lease
    this.#leases = this.#leases.filter((each) => each !== own)
    this.ended(own)
    own.retired = envelope
    own.envelope = undefined
    return this.add(envelope, own.since)
  }

  /** The lease of the same message, which runs or waits here already. */
  find(key: string): Lease | undefined {
    return this.#leases.find(({ envelope }) => envelope?.key === key)
  }

  /** How many handlers are at work. */
  get runningCount(): number {
    return this.#runningCount
  }

  forEach(act: (envelope: Envelope, lease: Lease) => void): void {
    for (const lease of this.#leases) if (lease.envelope !== undefined) act(lease.envelope, lease)
  }

  #newLease(): OwnLease {
    const lease: OwnLease = {
      envelope: undefined,
      since: 0,
      runningSince: undefined,
      retired: undefined,
      onDone: () => (lease.retired ? this.#onLate(lease.retired, undefined) : this.#onDone(lease)),
      onFailed: (error) => (lease.retired ? this.#onLate(lease.retired, error) : this.#onFailed(lease, error)),
    }
    this.#leases.push(lease)
    return lease
  }
}
