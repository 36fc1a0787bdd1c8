import { DeadLetterReason } from '@alarm-bus/nats-kit'
import { app } from '../declaration.ts'

/** Why alarms end as dead letters that no sink took. What is no alarm at all ends otherwise, and is a mistake of its publisher. */
const SINKS_FAILED: ReadonlySet<string> = new Set([
  DeadLetterReason.HandlerGaveUp,
  DeadLetterReason.DeliveriesExhausted,
  DeadLetterReason.NeverSettled,
  DeadLetterReason.ExpiresBeforeRetry,
])

/** Whether a consumer is this app's. */
export function isOwn(consumer: string): boolean {
  return consumer.startsWith(`${app.name}_`)
}

/** Whether a dead letter is a trouble of this app's sinks: an alert of it would go to the same sinks, and could be the next. */
export function isOfOwnSinks({ consumer, reason }: { readonly consumer: string; readonly reason: string }): boolean {
  return isOwn(consumer) && SINKS_FAILED.has(reason)
}
