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
import { RefusedAlarms } from './refused-alarms.ts'
import { SinkContext } from './sink-context.ts'

/** What was sent is the app's to know, whichever of its instances sent it, and whichever consumer it has for itself. */
const SENDER = sharedConsumerName(app.name, alarmToBot)

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

/** @param sender under whose name it is remembered what was sent. */
export function eachOnce(destinations: readonly Destination[], sender: string): readonly SinkDelivery[] {
  return destinations.map((destination) => ({
    name: destination.name,
    deliver: async (alarm, context) =>
      onceOnly(sending(destination, alarm), destination).handle(
        alarm as never,
        new SinkContext(context, `${sender}.${destination.name}`),
      ),
  }))
}

/**
 * Hands an alarm to every sink at once.
 *
 * - Each sink counts for itself: one that has taken the alarm is not called again when another fails, nor when the
 *   alarm is delivered again or redriven, to whichever instance, for as long as its store remembers.
 * - Rejects when one has failed: with `RetryLater` for the longest wait that a sink asked for, with `DeadLetter` when all
 *   that failed have refused the alarm for good. While one may still take it, the alarm comes again.
 */
export function deliverToAll(
  destinations: readonly Destination[],
): (alarm: Alarm, context: MessageContext) => Promise<void> {
  const refused = new RefusedAlarms()
  const each = eachOnce(destinations, SENDER)
  return async (alarm, context) => {
    // The first delivery, or the first after a redrive: what was refused before may have been mended since.
    if (alarm.deliveryCount === 1) refused.forget(alarm)
    const outcomes = await Promise.allSettled(
      each.map(async ({ name, deliver }) => {
        const before = refused.of(alarm, name)
        if (before) throw before
        await deliver(alarm, context)
      }),
    )
    const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
    outcomes.forEach((outcome, index) => {
      const name = each[index]?.name
      if (outcome.status === 'rejected' && outcome.reason instanceof DeadLetter && name !== undefined)
        refused.remember(alarm, name, outcome.reason)
    })
    if (errors.length > 0) throw combined(errors)
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
