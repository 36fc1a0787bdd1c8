import { setTimeout as sleep } from 'node:timers/promises'
import { DeadLetter, errorText, type Logger, type MessageContext, RetryLater } from '@alarm-bus/nats-kit'
import type { SinkDelivery } from '../delivery/deliver-to-all.ts'
import type { Alarm } from '../sinks/alarm-sink.ts'

/** In the place of a channel's name. No channel can have it. */
export const ALERT_CHANNEL = 'alarm-bus'

const FIRST_WAIT_MS = 1_000
const MAX_WAIT_MS = 60_000

export interface SendAlertOptions {
  readonly sinks: readonly SinkDelivery[]
  readonly logger: Logger
  /** The declared stream in whose bucket it is remembered what was sent. */
  readonly stream: string
  /** With `at` its identity: a sink that took it is not called again, by whichever process. */
  readonly seq: number
  /** In milliseconds of the Unix epoch. */
  readonly at: number
  readonly text: string
  /** What it says now, for a next attempt while no sink has taken it. */
  readonly refreshed: () => string
  /** Once one sink has taken it, the others are tried for this long, in milliseconds. */
  readonly patienceMs: number
  /** Ends the tries; what is under way goes on. */
  readonly signal: AbortSignal
  /** Ends what is under way, too. */
  readonly giveUp: AbortSignal
}

/**
 * Sends an alert to all sinks, once each. A sink that refuses it, and one that stays away while another has taken it, is
 * said in the log and nowhere else: that a sink has troubles is nothing that sinks can tell. While no sink takes it, it is
 * tried without an end.
 *
 * @returns whether it is done: false when `signal` ended it before.
 */
export async function sendAlert(options: SendAlertOptions): Promise<boolean> {
  const { sinks, logger, patienceMs, signal } = options
  let left = sinks
  let message = options.text
  let takenAt: number | undefined
  for (let attempt = 1; ; attempt++) {
    const alarm = alertOf(options, message, attempt)
    const outcomes = await Promise.allSettled(left.map((sink) => sink.deliver(alarm, contextOf(options, attempt))))
    let waitMs = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt - 1, 10))
    const errors = new Map<SinkDelivery, unknown>()
    outcomes.forEach((outcome, index) => {
      const sink = left[index]
      if (outcome.status === 'fulfilled') takenAt ??= performance.now()
      else if (sink) errors.set(sink, outcome.reason)
    })
    for (const [sink, error] of errors) {
      const isLate = takenAt !== undefined && performance.now() - takenAt >= patienceMs
      if (error instanceof RetryLater) waitMs = Math.max(waitMs, error.delayMs)
      if (!(error instanceof DeadLetter) && !isLate) continue
      const detail = { event: 'alertNotSent', sink: sink.name, alert: message, error: errorText(error) }
      logger.error(detail, `${sink.name} does not take an alert of the bus`)
      errors.delete(sink)
    }
    left = [...errors.keys()]
    if (left.length === 0) return true
    if (signal.aborted) return false
    if (takenAt === undefined) message = options.refreshed()
    await sleep(waitMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return false
  }
}

function alertOf({ seq, at }: SendAlertOptions, message: string, deliveryCount: number): Alarm {
  return {
    channel: ALERT_CHANNEL,
    stream: ALERT_CHANNEL,
    message,
    id: undefined,
    seq,
    storedAt: new Date(at),
    deliveryCount,
  }
}

function contextOf(
  { stream, seq, at, giveUp: signal, logger }: SendAlertOptions,
  deliveryCount: number,
): MessageContext {
  return {
    channel: ALERT_CHANNEL,
    subject: ALERT_CHANNEL,
    stream,
    seq,
    consumer: ALERT_CHANNEL,
    deliveryCount,
    storedAt: new Date(at),
    id: undefined,
    header: () => undefined,
    signal,
    logger,
  }
}
