import type { ConsumerSpec } from '../consumers/consumer-spec.ts'
import type { SubscriberSettings } from '../consumers/options.ts'
import { redriveConsumerName, redriveFilter, redriveStreamName } from '../streams/companion-streams.ts'
import { RedrivenEnvelope } from './redriven-envelope.ts'

/** One at a time, beside what the handler's own consumer brings; by pulling, however the app consumes else. */
export function redriveSettings(settings: SubscriberSettings): SubscriberSettings {
  return { ...settings, mode: 'pull', concurrency: 1 }
}

/**
 * The consumer beside a consumer that reads what was redriven to it: the same handler, check and retries, from another
 * stream. What fails again becomes a dead letter of the original again, with its count of redrives.
 */
export function redriveConsumerOf(main: ConsumerSpec): ConsumerSpec {
  const of = { stream: main.stream, consumer: main.name, subject: main.filterSubject }
  return {
    ...main,
    stream: redriveStreamName(main.stream),
    name: redriveConsumerName(main.name),
    filterSubject: redriveFilter(main.stream, main.name),
    workQueue: true,
    // What became a dead letter has left the order of its key.
    keyOf: undefined,
    maxAgeMs: Number.POSITIVE_INFINITY,
    open: (message, scope) => new RedrivenEnvelope(message, scope, of),
  }
}
