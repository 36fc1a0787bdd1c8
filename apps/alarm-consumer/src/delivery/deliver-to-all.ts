import { alarmToBot } from '@alarm-bus/contracts'
import {
  DeadLetter,
  defineHandler,
  errorText,
  type MessageContext,
  type MessageHandler,
  onceOnly,
  type OnceStore,
  RetryLater,
  sharedConsumerName,
} from '@alarm-bus/nats-kit'
import { app } from '../declaration.ts'
import type { Alarm } from '../sinks/alarm-sink.ts'
import type { DeliveryJournal } from './delivery-journal.ts'
import { RefusedAlarms } from './refused-alarms.ts'
import { SinkContext } from './sink-context.ts'

/** What was sent is the app's to know, whichever of its instances sent it, and whichever consumer it has for itself. */
const SENDER = sharedConsumerName(app.name, alarmToBot)

/** In the consumer's place, where it is recorded what was sent to a sink. */
export function recordedAs(sink: string): string {
  return `${SENDER}.${sink}`
}

/** One sink as the delivery sees it. */
export interface Destination {
  readonly name: string
  /** Where it is remembered what was sent to it. */
  readonly store: OnceStore
  send(alarm: Alarm, signal: AbortSignal): Promise<void>
}

/** One sink, to which each alarm goes once. */
export interface SinkDelivery {
  readonly name: string
  /** Rejects as `AlarmSink.send`, and with `RetryLater` where the sink or another delivery asks to wait. */
  deliver(alarm: Alarm, context: MessageContext): Promise<void>
}

/** @param recorded what stands in the consumer's place where it is recorded what was sent to a sink. */
export function eachOnce(
  destinations: readonly Destination[],
  recorded: (sink: string) => string,
): readonly SinkDelivery[] {
  return destinations.map((destination) => ({
    name: destination.name,
    deliver: async (alarm, context) =>
      onceOnly(sending(destination, alarm), destination).handle(
        alarm as never,
        new SinkContext(context, recorded(destination.name)),
      ),
  }))
}

/**
 * Hands an alarm to every sink at once.
 *
 * - Each sink counts for itself: one that has taken the alarm is not called again when another fails, nor when the
 *   alarm is delivered again or redriven, to whichever instance, for as long as its store remembers.
 * - Rejects when one has failed: with `RetryLater` for the longest wait that a sink asked for, with `DeadLetter` when all
 *   that failed have refused the alarm for good. While one may still take it, the alarm is redelivered.
 */
export function deliverToAll(
  destinations: readonly Destination[],
  journal?: DeliveryJournal,
): (alarm: Alarm, context: MessageContext) => Promise<void> {
  const refused = new RefusedAlarms()
  const each = eachOnce(destinations, recordedAs)
  const names = destinations.map(({ name }) => name)
  return async (alarm, context) => {
    journal?.begun(alarm, names)
    // The first delivery, or the first after a redrive: what was refused before may have been mended since.
    if (alarm.deliveryCount === 1) refused.forget(alarm)
    const outcomes = await Promise.allSettled(
      each.map(async ({ name, deliver }) => {
        const before = refused.of(alarm, name)
        try {
          if (before) throw before
          await deliver(alarm, context)
        } catch (error) {
          journal?.sink(alarm, name, 'failed', error)
          throw error
        }
        journal?.sink(alarm, name, 'sent')
      }),
    )
    const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
    outcomes.forEach((outcome, index) => {
      const name = each[index]?.name
      if (outcome.status === 'rejected' && outcome.reason instanceof DeadLetter && name !== undefined)
        refused.remember(alarm, name, outcome.reason)
    })
    if (errors.length > 0) throw combined(errors)
    journal?.delivered(alarm)
  }
}

function sending(destination: Destination, alarm: Alarm): MessageHandler {
  return defineHandler(alarmToBot, (_, { signal }) => destination.send(alarm, signal))
}

function combined(errors: readonly unknown[]): Error {
  const text = errors.map(errorText).join('; ')
  if (errors.every((error) => error instanceof DeadLetter)) return new DeadLetter(text)
  const waits = errors.flatMap((error) => (error instanceof RetryLater ? [error.delayMs] : []))
  return waits.length > 0 ? new RetryLater(Math.max(...waits), text) : new Error(text)
}
