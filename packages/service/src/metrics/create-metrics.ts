import type { Bus, MessageHandler } from '@alarm-bus/nats-kit'
import type { FastifyInstance } from 'fastify'
import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client'
import { countPublishes } from './count-publishes.ts'
import { timeHandlers } from './time-handlers.ts'
import { timeRequests } from './time-requests.ts'
import { createTimer, type Timer, type TimerOptions } from './timer.ts'
import { watchEvents } from './watch-events.ts'

/** What an app measures of itself, for Prometheus. It wraps the bus and the handlers; the kit knows nothing of it. */
export interface Metrics {
  /** Counts what the bus says of itself and what its publisher does. */
  observe(bus: Bus): Bus
  /** The same handlers, with their calls counted and timed. */
  handlers(handlers: readonly MessageHandler[]): readonly MessageHandler[]
  /** Times what an app calls or keeps: a histogram of the app's own, made once. */
  timer(options: TimerOptions): Timer
  /** A counter of the app's own, made once; `name` is without the prefix `alarm_bus_` and ends in `_total`. */
  counter(name: string, help: string): (by: number) => void
  /** Times the requests of a server, but for the probes. */
  requests(http: FastifyInstance): void
  /** All of it as it stands, for who sends it elsewhere. */
  collect(): Promise<readonly MetricObjectWithValues<MetricValue<string>>[]>
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
    timer: (options) => createTimer(registry, options),
    counter(name, help) {
      const counter = new Counter({ name: `alarm_bus_${name}`, help, registers: [registry] })
      return (by) => counter.inc(by)
    },
    requests: timeRequests(registry),
    collect: () => registry.getMetricsAsJSON(),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  }
}
