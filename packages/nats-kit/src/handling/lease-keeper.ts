import type { HandlingLimits } from './handling.ts'
import type { Lease, Leases } from './leases.ts'
import type { ParkedMessages } from './parked-messages.ts'
import { RunClock } from './run-clock.ts'
import type { Settler } from './settler.ts'

/**
 * Keeps the broker from redelivering what this process has, for as long as it may have it: a handler that runs past
 * `maxHandlerMs` is told by its signal, and past `handlerGraceMs` more it is said to hang.
 */
export class LeaseKeeper {
  readonly #limits: HandlingLimits
  readonly #leases: Leases
  readonly #parked: ParkedMessages
  readonly #settler: Settler
  readonly #onHung: (lease: Lease, ranMs: number) => void
  readonly #clock: RunClock
  readonly #timer: NodeJS.Timeout

  constructor(
    limits: HandlingLimits,
    of: { readonly leases: Leases; readonly parked: ParkedMessages; readonly settler: Settler },
    onHung: (lease: Lease, ranMs: number) => void,
  ) {
    this.#limits = limits
    this.#leases = of.leases
    this.#parked = of.parked
    this.#settler = of.settler
    this.#onHung = onHung
    // A third of the ack wait: two signals may get lost before the broker redelivers.
    const tickMs = limits.ackWaitMs / 3
    this.#clock = new RunClock(2 * tickMs)
    this.#timer = setInterval(this.#tick, tickMs)
    this.#timer.unref()
  }

  /** @param now of `performance.now()`. */
  began(lease: Lease, now: number): void {
    this.#leases.began(lease, this.#clock.read(now))
  }

  /** For handlers that run, time stands still. */
  pause(): void {
    this.#clock.pause(performance.now())
  }

  resume(): void {
    this.#clock.resume(performance.now())
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  readonly #tick = (): void => {
    const now = performance.now()
    const clock = this.#clock.read(now)
    const { ackWaitMs, maxHandlerMs, handlerGraceMs } = this.#limits
    const hung: Lease[] = []
    this.#leases.forEach((envelope, lease) => {
      const ranMs = lease.runningSince === undefined ? 0 : clock - lease.runningSince
      // Told first, however late this looks, so that it had its grace.
      if (ranMs > maxHandlerMs + handlerGraceMs && envelope.isAborted) return void hung.push(lease)
      if (ranMs > maxHandlerMs) envelope.abort(new Error(`the handler ran for more than ${maxHandlerMs} ms`))
      if (now - lease.since >= ackWaitMs / 6) this.#settler.keepAlive(envelope)
    })
    this.#parked.forEach((envelope) => this.#settler.keepAlive(envelope))
    for (const lease of hung) this.#onHung(lease, Math.round(clock - (lease.runningSince ?? clock)))
  }
}
