import type { Bus, MessageHandler } from '@alarm-bus/nats-kit'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { countPublishes } from './count-publishes.ts'
import { timeHandlers } from './time-handlers.ts'
import { watchEvents } from './watch-events.ts'

/** What an app measures of itself, for Prometheus. It wraps the bus and the handlers; the kit knows nothing of it. */
export interface Metrics {
  /** Counts what the bus says of itself and what its publisher does. */
  observe(bus: Bus): Bus
  /** The same handlers, with their calls counted and timed. */
  handlers(handlers: readonly MessageHandler[]): readonly MessageHandler[]
  /** The media type of `text()`. */
  readonly contentType: string
  /** All of it in Prometheus's text format. */
  text(): Promise<string>
}

export function createMetrics(identity: { readonly app: string; readonly version: string }): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'alarm_bus_app_info',
    help: 'Always 1; which app in which version this is.',
    labelNames: ['app', 'version'],
    registers: [registry],
  }).set({ app: identity.app, version: identity.version }, 1)
  let observed: Bus | undefined
  const ready = new Gauge({
    name: 'alarm_bus_ready',
    help: 'Whether the app is ready, as /readyz says: 1 or 0.',
    registers: [],
    collect() {
      this.set(observed?.health().ready ? 1 : 0)
    },
  })
  registry.registerMetric(ready)
  const publishes = countPublishes(registry)
  const events = watchEvents(registry)
  return {
    observe(bus) {
      observed = bus
      events(bus.events)
      return { ...bus, publisher: publishes(bus.publisher) }
    },
    handlers: timeHandlers(registry),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  }
}
