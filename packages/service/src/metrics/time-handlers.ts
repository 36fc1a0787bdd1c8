import type { MessageHandler } from '@alarm-bus/nats-kit'
import { Gauge, Histogram, type Registry } from 'prom-client'

/** Seconds, from what only computes to what waits for another system. */
const BUCKETS_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60]

/** Wraps handlers: how many calls, how many at once, how they ended, how long they took. What they return and throw stays the same. */
export function timeHandlers(registry: Registry): (handlers: readonly MessageHandler[]) => readonly MessageHandler[] {
  const durations = new Histogram({
    name: 'alarm_bus_handler_duration_seconds',
    help: 'How long a handler took for one delivery; result is handled or failed.',
    labelNames: ['channel', 'result'],
    buckets: BUCKETS_SECONDS,
    registers: [registry],
  })
  const inFlight = new Gauge({
    name: 'alarm_bus_handlers_in_flight',
    help: 'Calls of handlers that have not ended.',
    labelNames: ['channel'],
    registers: [registry],
  })
  return (handlers) => handlers.map((handler) => timed(handler, durations, inFlight))
}

function timed(
  handler: MessageHandler,
  durations: Histogram<'channel' | 'result'>,
  inFlight: Gauge<'channel'>,
): MessageHandler {
  const running = inFlight.labels({ channel: handler.channel.name })
  const of = (result: string) => durations.labels({ channel: handler.channel.name, result })
  const [handled, failed] = [of('handled'), of('failed')]
  const secondsSince = (startedAt: number): number => (performance.now() - startedAt) / 1_000
  return {
    ...handler,
    handle(message, context) {
      const startedAt = performance.now()
      running.inc()
      const end = (how: typeof handled): void => {
        running.dec()
        how.observe(secondsSince(startedAt))
      }
      const fail = (error: unknown): never => {
        end(failed)
        throw error
      }
      let result: ReturnType<MessageHandler['handle']>
      try {
        result = handler.handle(message, context)
      } catch (error) {
        return fail(error)
      }
      if (result === undefined || typeof result.then !== 'function') {
        end(handled)
        return
      }
      return result.then(() => end(handled), fail)
    },
  }
}
