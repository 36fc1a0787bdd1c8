import { setTimeout as sleep } from 'node:timers/promises'
import { type Resume, RetryLater } from '@alarm-bus/nats-kit'
import type { ServiceLogger } from '@alarm-bus/service'
import {
  bulkhead,
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  handleWhen,
  type IBackoff,
  isBrokenCircuitError,
} from 'cockatiel'
import { MAX_CONNECTIONS } from '../http/sink-client.ts'
import { SinkFailed } from '../sinks/sink-failed.ts'
import { AskedWaits } from './asked-waits.ts'

/** The longest time between two probes of a sink that is away. */
const MAX_PAUSE_MS = 60_000
/** One alarm may fail this often as a probe; then it goes back, so that one that no sink takes does not hold the others. */
const MAX_PROBES = 3
/** How long a wait an alarm sits out here, each at most this often; a longer one it spends on the broker. */
const MAX_SHORT_WAIT_MS = 30_000
const MAX_SHORT_WAITS = 5
/** A sink that had enough gets one alarm at a time for this long. */
const SINGLE_FILE_MS = 60_000
/** Timers may be early by a millisecond. */
const TIMER_SLACK_MS = 5

export interface CircuitOptions {
  readonly sink: string
  /** Failures in a row that open the circuit. */
  readonly failures: number
  /** The first pause; doubled each time the sink is still away, up to a minute. */
  readonly firstPauseMs: number
  readonly logger: ServiceLogger
  /** Stops asking for alarms until the returned function is called. */
  readonly pause: (reason: string) => Resume
}

/**
 * Stands before one sink. When it fails several times in a row the circuit opens: no more alarms are pulled, the ones
 * that are here wait without using up deliveries, and one at a time probes whether the sink is back. A wait that the
 * sink asks for is kept the same way, and uses up no delivery either, however often it asks. All waits go by a clock that
 * nobody sets.
 */
export class Circuit {
  readonly #options: CircuitOptions
  readonly #breaker: CircuitBreakerPolicy
  readonly #wide = bulkhead(MAX_CONNECTIONS, Number.POSITIVE_INFINITY)
  readonly #singleFile = bulkhead(1, Number.POSITIVE_INFINITY)
  readonly #stopping = new AbortController()
  readonly #asked: AskedWaits
  /** Waits that the sink has asked for. What it answers to requests that were sent before one is no further asking. */
  #asks = 0
  /** Alarms that are here, waiting or under way. */
  #inside = 0
  /** Nothing is sent before, in milliseconds of `performance.now()`. */
  #opensAt = Number.NEGATIVE_INFINITY
  #singleFileUntil = Number.NEGATIVE_INFINITY
  #reason = ''
  #resume: Resume | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: CircuitOptions) {
    this.#options = options
    this.#asked = new AskedWaits(options.firstPauseMs)
    const failed = handleWhen((error) => error instanceof SinkFailed && !error.rateLimited)
    this.#breaker = circuitBreaker(failed, {
      breaker: new ConsecutiveBreaker(options.failures),
      halfOpenAfter: { next: ({ attempt }) => this.#pause(attempt) },
    })
    this.#breaker.onReset(() => {
      options.logger.info({ event: 'sinkCircuitClosed', sink: options.sink }, `${options.sink} takes alarms again`)
      this.#update()
    })
  }

  /**
   * Sends through the circuit.
   *
   * @throws what `send` throws; RetryLater where the sink asks to wait, or the app stops; an Error when `signal` aborts.
   */
  async run(signal: AbortSignal, send: () => Promise<void>): Promise<void> {
    this.#inside++
    try {
      await this.#attempts(AbortSignal.any([signal, this.#stopping.signal]), send)
    } finally {
      this.#inside--
      this.#update()
    }
  }

  /** The app stops: alarms that wait go back to the broker. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#stopping.abort(new RetryLater(0, 'the app is stopping'))
  }

  async #attempts(waiting: AbortSignal, send: () => Promise<void>): Promise<void> {
    let probes = 0
    let waits = 0
    for (;;) {
      let probing = false
      let asks = 0
      try {
        const lane = performance.now() < this.#singleFileUntil ? this.#singleFile : this.#wide
        return await lane.execute(async () => {
          await this.#untilOpen(waiting)
          probing = this.#breaker.state !== CircuitState.Closed
          asks = this.#asks
          await this.#breaker.execute(send)
          if (asks === this.#asks) this.#asked.arrived()
        })
      } catch (error) {
        if (isBrokenCircuitError(error)) continue
        if (!(error instanceof SinkFailed)) throw error
        if (error.rateLimited || error.retryAfterMs !== undefined) {
          const waitMs = this.#keepAway(error, asks)
          if (!waiting.aborted && waitMs <= MAX_SHORT_WAIT_MS && ++waits <= MAX_SHORT_WAITS) continue
          throw new RetryLater(waitMs, error.message)
        }
        const isOpen = this.#breaker.state !== CircuitState.Closed
        if (waiting.aborted || !isOpen || (probing && ++probes >= MAX_PROBES)) throw error
      }
    }
  }

  async #untilOpen(waiting: AbortSignal): Promise<void> {
    for (;;) {
      const leftMs = this.#opensAt - performance.now()
      if (leftMs <= 0) return
      waiting.throwIfAborted()
      await sleep(leftMs, undefined, { signal: waiting }).catch(() => undefined)
    }
  }

  /** The circuit opens: called by the breaker, which then asks whether it may let a probe through. */
  #pause(attempt: number): IBackoff<{ readonly attempt: number }> {
    const { sink, firstPauseMs, failures, logger } = this.#options
    const full = Math.min(Math.max(firstPauseMs, MAX_PAUSE_MS), firstPauseMs * 2 ** Math.min(attempt - 1, 20))
    const pauseMs = Math.ceil(full * (0.8 + Math.random() / 5))
    logger.error(
      { event: 'sinkCircuitOpened', sink, failures, pauseMs },
      `${sink} takes no alarms; none is pulled until it does`,
    )
    this.#block(pauseMs, `${sink} is away`)
    const isOver = (): boolean => performance.now() >= this.#opensAt
    return {
      // The breaker compares it with a time of its own, by a clock that may be set.
      get duration() {
        return isOver() ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
      },
      next: (context) => this.#pause(context.attempt),
    }
  }

  /** @returns how long the alarm has to wait. */
  #keepAway({ message, rateLimited, retryAfterMs: askedMs }: SinkFailed, asks: number): number {
    const { sink, logger } = this.#options
    let waitMs = Math.max(0, Math.ceil(this.#opensAt - performance.now()))
    if (asks === this.#asks) {
      this.#asks++
      waitMs = this.#asked.next(askedMs)
      logger.warn({ event: 'sinkAsksToWait', sink, askedMs, waitMs, error: message }, `${sink} asks to wait`)
      this.#block(waitMs, `${sink} asks to wait`)
    }
    if (rateLimited) this.#singleFileUntil = performance.now() + waitMs + SINGLE_FILE_MS
    return waitMs
  }

  #block(ms: number, reason: string): void {
    const opensAt = performance.now() + ms
    if (opensAt <= this.#opensAt) return
    this.#opensAt = opensAt
    this.#reason = reason
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#update(), ms + TIMER_SLACK_MS)
    this.#timer.unref()
    this.#update()
  }

  /** Pulls nothing while the sink is let alone, nor while alarms that are here can do the probing. */
  #update(): void {
    const closed = this.#breaker.state === CircuitState.Closed
    const pausing = performance.now() < this.#opensAt || (!closed && this.#inside > 0)
    if (pausing) this.#resume ??= this.#options.pause(this.#reason)
    else {
      this.#resume?.()
      this.#resume = undefined
    }
  }
}
