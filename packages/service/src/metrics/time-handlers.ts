import type { MessageHandler } from '@alarm-bus/nats-kit'
import { Histogram, type Registry } from 'prom-client'

/** Seconds, from what only computes to what waits for somebody else. */
const BUCKETS_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60]

/** Wraps handlers: how many calls, how they ended, how long they took. What they return and throw stays the same. */
export function timeHandlers(registry: Registry): (handlers: readonly MessageHandler[]) => readonly MessageHandler[] {
  const durations = new Histogram({
    name: 'alarm_bus_handler_duration_seconds',
    help: 'How long a handler took for one delivery; result is handled or failed.',
    labelNames: ['channel', 'result'],
    buckets: BUCKETS_SECONDS,
    registers: [registry],
  })
  return (handlers) => handlers.map((handler) => timed(handler, durations))
}

function timed(handler: MessageHandler, durations: Histogram<'channel' | 'result'>): MessageHandler {
  const of = (result: string) => durations.labels({ channel: handler.channel.name, result })
  const [handled, failed] = [of('handled'), of('failed')]
  const secondsSince = (startedAt: number): number => (performance.now() - startedAt) / 1_000
  return {
    ...handler,
    handle(message, context) {
      const startedAt = performance.now()
      const fail = (error: unknown): never => {
        failed.observe(secondsSince(startedAt))
        throw error
      }
      let result: ReturnType<MessageHandler['handle']>
      try {
        result = handler.handle(message, context)
      } catch (error) {
        return fail(error)
      }
      if (result === undefined || typeof result.then !== 'function') {
        handled.observe(secondsSince(startedAt))
        return
      }
      return result.then(() => handled.observe(secondsSince(startedAt)), fail)
    },
  }
}
