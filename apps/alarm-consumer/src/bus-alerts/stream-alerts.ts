import { setTimeout as sleep } from 'node:timers/promises'
import { errorText, type StreamWatch, type WatchLease, type WatchLook } from '@alarm-bus/nats-kit'
import type { ServiceLogger } from '@alarm-bus/service'
import type { SinkDelivery } from '../delivery/deliver-to-all.ts'
import { alertLine } from './alert-text.ts'
import { isOfOwnSinks } from './own-sinks.ts'
import { sendAlert } from './send-alert.ts'
import { States } from './states-of.ts'
import { type Alert, OutOfDate, TroubleBook } from './trouble-book.ts'
import type { AlertTimes } from './trouble.ts'

/** Lines of one alert: what begins at once is told at once, and in one message. */
const MAX_LINES = 10
/** Between two alerts, and between two questions whether there is something new; a short pause makes both shorter. */
const ALERT_GAP_MS = 5_000
const ASK_MS = 5_000
const LOOK_MS = 15_000
/** For so many pauses the stream of dead letters counts as full after one that had no room there. */
const FULL_PAUSES = 3
/** Before the lease is asked for again; doubled while it fails. */
const LEASE_MS = 2_000
const MAX_LEASE_MS = 60_000
/** The same trouble of the watch itself is said this often. */
const SAY_AGAIN_MS = 60_000

export interface StreamAlertsOptions {
  readonly watch: StreamWatch
  readonly sinks: readonly SinkDelivery[]
  readonly times: AlertTimes
  readonly logger: ServiceLogger
  /** Ends the watch; alerts that are on their way to a sink go on. */
  readonly signal: AbortSignal
  /** Ends those, too. */
  readonly giveUp: AbortSignal
}

/** Watches one stream and tells people, for as long as this instance is the one that does. */
export class StreamAlerts {
  readonly #options: StreamAlertsOptions
  readonly #states: States
  /** By slot. */
  readonly #sending = new Map<number, Promise<void>>()
  #said = { error: '', at: Number.NEGATIVE_INFINITY }
  #ownStalled = new Set<string>()
  /** When letters were last seen to go to shares. */
  #fullAt = Number.NEGATIVE_INFINITY

  constructor(options: StreamAlertsOptions) {
    this.#options = options
    this.#states = new States(options.watch.stream, options.times.pauseMs)
  }

  /** Why no alerts are sent now, as far as this instance knows. */
  get trouble(): string | undefined {
    return this.#said.error === '' ? undefined : this.#said.error
  }

  /** Until the signal. Never rejects. */
  async run(): Promise<void> {
    const { watch, signal, logger } = this.#options
    for (let failures = 0; !signal.aborted;) {
      try {
        const lease = await watch.lead()
        if (lease) {
          logger.info(
            { event: 'busWatched', stream: watch.stream },
            'this instance watches the bus and tells of troubles',
          )
          await this.#lead(lease)
        }
        failures = 0
      } catch (error) {
        failures++
        this.#say(error)
      }
      await sleep(Math.min(MAX_LEASE_MS, LEASE_MS * 2 ** Math.min(failures, 10)), undefined, { signal }).catch(
        () => undefined,
      )
    }
  }

  async #lead(lease: WatchLease): Promise<void> {
    const { watch, times, signal } = this.#options
    const until = AbortSignal.any([signal, lease.lost])
    const outOfDate = new AbortController()
    try {
      const book = await TroubleBook.load(watch, times)
      let alertedAt = Number.NEGATIVE_INFINITY
      let lookedAt = Number.NEGATIVE_INFINITY
      while (!until.aborted) {
        const now = performance.now()
        try {
          await this.#readLetters(book)
          if (now - lookedAt >= this.#shorter(LOOK_MS)) {
            lookedAt = now
            await this.#look(book)
          }
          const mayAlert = now - alertedAt >= this.#shorter(ALERT_GAP_MS)
          if (mayAlert && book.begin(Date.now(), MAX_LINES)) alertedAt = now
          // Written before it is sent: the next process finds what this one began, and this one what the last did.
          await book.save()
          for (const alert of until.aborted ? [] : book.underWay)
            if (!this.#sending.has(alert.slot)) this.#send(book, alert, [until, lease.lost, outOfDate.signal])
          this.#said = { error: '', at: Number.NEGATIVE_INFINITY }
        } catch (error) {
          if (error instanceof OutOfDate) throw error
          // Away for a while: the lease tells when that is too long.
          this.#say(error)
        }
        await sleep(this.#shorter(ASK_MS), undefined, { signal: until }).catch(() => undefined)
      }
      await Promise.all(this.#sending.values())
      // What arrived at the last is known to the next process.
      if (!lease.lost.aborted) await book.save()
    } finally {
      outOfDate.abort()
      await Promise.all(this.#sending.values())
      await lease.release()
    }
  }

  async #readLetters(book: TroubleBook): Promise<void> {
    const { watch, logger } = this.#options
    for (let more = true; more;) {
      const read = await watch.deadLetters(book.position)
      const own = read.notices.filter(isOfOwnSinks)
      if (own.length > 0) {
        const detail = { event: 'ownDeadLetters', stream: watch.stream, count: own.length, reason: own[0]?.reason }
        logger.error(
          detail,
          'alarms that no sink took are dead letters; no alert tells of it, since it would take the same way',
        )
      }
      const events = read.notices
        .filter((notice) => !isOfOwnSinks(notice))
        .map((notice) => {
          const { consumer, reason } = notice
          return { of: { kind: 'deadLetters', stream: watch.stream, consumer, reason } as const, notice }
        })
      book.happened(events, read.position, Date.now())
      if (read.notices.some(({ inShare }) => inShare)) this.#fullAt = performance.now()
      ;({ more } = read)
      if (more) await book.save()
    }
  }

  async #look(book: TroubleBook): Promise<void> {
    const { watch, logger } = this.#options
    const look = await watch.look()
    const now = Date.now()
    for (const { stream, consumer, missed } of look.consumers)
      if (missed > 0) book.missed({ kind: 'missed', stream, consumer, reason: '' }, missed, now)
    const { states, own } = this.#states.of(this.#seen(look), now, (of) => book.has(of))
    book.states(now, states)
    const stalled = new Set(own.map(({ of }) => of.consumer))
    for (const { of, count } of own) {
      if (this.#ownStalled.has(of.consumer)) continue
      const detail = { event: 'ownConsumerStalled', stream: of.stream, consumer: of.consumer, waiting: count }
      logger.error(detail, 'alarms wait and no sink takes any; no alert tells of it, since it would take the same way')
    }
    this.#ownStalled = stalled
  }

  /** The stream of dead letters was full, however many are in it, when some had to go to their consumers' shares. */
  #seen(look: WatchLook): WatchLook {
    if (performance.now() - this.#fullAt > FULL_PAUSES * this.#options.times.pauseMs) return look
    const letters = `${this.#options.watch.stream}_DLQ`
    return { ...look, streams: look.streams.map((one) => (one.stream === letters ? { ...one, fill: 1 } : one)) }
  }

  #send(book: TroubleBook, begun: Alert, [until, ...lost]: readonly [AbortSignal, ...AbortSignal[]]): void {
    const { sinks, logger, watch, times } = this.#options
    const signal = AbortSignal.any([until, ...lost])
    const giveUp = AbortSignal.any([this.#options.giveUp, ...lost])
    let alert = begun
    const sending = (async () => {
      const { slot: seq, at } = alert
      // As it was begun: an earlier process may have sent it, and only the sinks' records know.
      const text = textOf(book, alert)
      const refreshed = (): string => textOf(book, (alert = book.refreshed(alert)))
      const how = { patienceMs: times.pauseMs, signal, giveUp }
      const of = { sinks, logger, stream: watch.stream, seq, at, text, refreshed, ...how }
      if (await sendAlert(of)) book.end(alert, Date.now())
    })()
    const { slot } = begun
    const done = sending.catch((error: unknown) => this.#say(error)).finally(() => this.#sending.delete(slot))
    this.#sending.set(slot, done)
  }

  #shorter(ms: number): number {
    return Math.min(ms, this.#options.times.pauseMs / 5)
  }

  #say(failure: unknown): void {
    const { watch, logger } = this.#options
    const error = errorText(failure)
    const now = performance.now()
    if (error === this.#said.error && now - this.#said.at < SAY_AGAIN_MS) return
    if (!(failure instanceof OutOfDate)) this.#said = { error, at: now }
    if (failure instanceof OutOfDate)
      logger.info({ event: 'busWatchMoved', stream: watch.stream, error }, 'another instance watches the bus')
    else
      logger.error(
        { event: 'busWatchFailed', stream: watch.stream, error },
        'the bus cannot be watched now; no alerts about it are sent',
      )
  }
}

function textOf(book: TroubleBook, { tells }: Alert): string {
  const lines = tells.flatMap(({ key, due, count }) => {
    const trouble = book.trouble(key)
    return trouble ? [alertLine(trouble, due, count)] : []
  })
  return lines.join('\n')
}
