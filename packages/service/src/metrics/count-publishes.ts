import { KitError, type StoredPublisher } from '@alarm-bus/nats-kit'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** Seconds, from a broker on the same machine to all attempts of a publish (15 s). */
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15]

/** Wraps a publisher: how many messages of each channel were stored, were there already, or failed and why; how long it took. */
export function countPublishes(registry: Registry): (publisher: StoredPublisher) => StoredPublisher {
  const registers = [registry]
  const published = new Counter({
    name: 'alarm_bus_published_total',
    help: 'Messages given to the publisher; result is stored, duplicate or failed.',
    labelNames: ['channel', 'result'],
    registers,
  })
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
    registers,
  })
  // What each label stands for is looked up once a channel, not once a message.
  const meters = new Map<string, ReturnType<typeof meterOf>>()
  const meterOf = (channel: string) => ({
    stored: published.labels({ channel, result: 'stored' }),
    duplicate: published.labels({ channel, result: 'duplicate' }),
    failed: published.labels({ channel, result: 'failed' }),
    duration: durations.labels({ channel }),
    inFlight: inFlight.labels({ channel }),
  })
  const meter = (channel: string): ReturnType<typeof meterOf> => {
    const known = meters.get(channel)
    if (known) return known
    const made = meterOf(channel)
    meters.set(channel, made)
    return made
  }
  const counted = async <R extends { readonly duplicate?: boolean; readonly count?: number }>(
    channel: string,
    publishing: Promise<R>,
    messages: number,
  ): Promise<R> => {
    const of = meter(channel)
    of.inFlight.inc()
    try {
      const receipt = await publishing
      const counter = receipt.duplicate ? of.duplicate : of.stored
      counter.inc(receipt.count ?? messages)
      return receipt
    } catch (error) {
      of.failed.inc(messages)
      failures.inc({ channel, code: KitError.from(error).code }, messages)
      throw error
    } finally {
      of.inFlight.dec()
    }
  }
  return (publisher) => ({
    async publish(channel, message, options) {
      const startedAt = performance.now()
      const receipt = await counted(channel.name, publisher.publish(channel, message, options), 1)
      meter(channel.name).duration.observe((performance.now() - startedAt) / 1_000)
      return receipt
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
