import { KitError, type StoredPublisher } from '@alarm-bus/nats-kit'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** Seconds, from a broker on the same machine to all attempts of a publish (15 s). */
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15]

/** What is counted of a channel. Plain numbers: the library's counters cost more than a message's headers. */
interface Counts {
  calls: number
  ended: number
  stored: number
  duplicate: number
  failed: number
  readonly seconds: { observe(value: number): void }
}

/** Wraps a publisher: how many messages of each channel were stored, were there already, or failed and why; how long it took. */
export function countPublishes(registry: Registry): (publisher: StoredPublisher) => StoredPublisher {
  const registers = [registry]
  const channels = new Map<string, Counts>()
  const published = new Counter({
    name: 'alarm_bus_published_total',
    help: 'Messages given to the publisher; result is stored, duplicate or failed.',
    labelNames: ['channel', 'result'],
    registers: [],
    collect() {
      this.reset()
      for (const [channel, counts] of channels) {
        for (const result of ['stored', 'duplicate', 'failed'] as const) {
          if (counts[result] > 0) this.inc({ channel, result }, counts[result])
        }
      }
    },
  })
  registry.registerMetric(published)
  const failures = new Counter({
    name: 'alarm_bus_publish_failures_total',
    help: 'Messages that were not stored, by the code of the error.',
    labelNames: ['channel', 'code'],
    registers,
  })
  const durations = new Histogram({
    name: 'alarm_bus_publish_duration_seconds',
    help: 'Time from the call of publish to the ack of the broker, of single messages.',
    labelNames: ['channel'],
    buckets: BUCKETS_SECONDS,
    registers,
  })
  const inFlight = new Gauge({
    name: 'alarm_bus_publishes_in_flight',
    help: 'Calls of the publisher that have not ended.',
    labelNames: ['channel'],
    registers: [],
    collect() {
      for (const [channel, { calls, ended }] of channels) this.set({ channel }, calls - ended)
    },
  })
  registry.registerMetric(inFlight)
  const countsOf = (channel: string): Counts => {
    const known = channels.get(channel)
    if (known) return known
    const made = { calls: 0, ended: 0, stored: 0, duplicate: 0, failed: 0, seconds: durations.labels({ channel }) }
    channels.set(channel, made)
    return made
  }
  const counted = <R extends { readonly duplicate?: boolean; readonly count?: number }>(
    channel: string,
    publishing: Promise<R>,
    messages: number,
    startedAt?: number,
  ): Promise<R> => {
    const counts = countsOf(channel)
    counts.calls++
    return publishing.then(
      (receipt) => {
        counts.ended++
        counts[receipt.duplicate ? 'duplicate' : 'stored'] += receipt.count ?? messages
        if (startedAt !== undefined) counts.seconds.observe((performance.now() - startedAt) / 1_000)
        return receipt
      },
      (error: unknown) => {
        counts.ended++
        counts.failed += messages
        failures.inc({ channel, code: KitError.from(error).code }, messages)
        throw error
      },
    )
  }
  return (publisher) => ({
    publish(channel, message, options) {
      const startedAt = performance.now()
      return counted(channel.name, publisher.publish(channel, message, options), 1, startedAt)
    },
    publishMany: (channel, messages, options) =>
      counted(channel.name, publisher.publishMany(channel, messages, options), messages.length),
    // How many an iterable still had is not known: one failure stands for the one that ended it.
    publishStream: (channel, messages, options) =>
      counted(channel.name, publisher.publishStream(channel, messages, options), 1),
    // Nothing of these is stored on a channel yet.
    schedule: publisher.schedule,
    replace: publisher.replace,
    cancel: publisher.cancel,
    schedules: publisher.schedules,
    close: () => publisher.close(),
  })
}
