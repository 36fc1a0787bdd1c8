import type { StoredPublisher } from '@alarm-bus/nats-kit'
import { Counter, type Registry } from 'prom-client'

/** Wraps a publisher: how many messages of each channel were stored, were there already, or failed. */
export function countPublishes(registry: Registry): (publisher: StoredPublisher) => StoredPublisher {
  const counter = new Counter({
    name: 'alarm_bus_published_total',
    help: 'Messages given to the publisher; result is stored, duplicate or failed.',
    labelNames: ['channel', 'result'],
    registers: [registry],
  })
  const counted = async <R extends { readonly duplicate?: boolean; readonly count?: number }>(
    channel: string,
    publishing: Promise<R>,
    messages: number,
  ): Promise<R> => {
    try {
      const receipt = await publishing
      counter.inc({ channel, result: receipt.duplicate ? 'duplicate' : 'stored' }, receipt.count ?? messages)
      return receipt
    } catch (error) {
      counter.inc({ channel, result: 'failed' }, messages)
      throw error
    }
  }
  return (publisher) => ({
    publish: (channel, message, options) => counted(channel.name, publisher.publish(channel, message, options), 1),
    publishMany: (channel, messages, options) =>
      counted(channel.name, publisher.publishMany(channel, messages, options), messages.length),
    // How many an iterable still had is not known: one failure stands for the one that ended it.
    publishStream: (channel, messages, options) =>
      counted(channel.name, publisher.publishStream(channel, messages, options), 1),
    close: () => publisher.close(),
  })
}
