import type { Bus } from '@alarm-bus/nats-kit'
import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../metrics/create-metrics.ts'

/** What a service does with its bus. */
export type ServiceBus = Pick<Bus, 'start' | 'health' | 'failed' | 'stop'>

/** An app put together, not yet running. The caller that runs it closes it. */
export interface Service {
  /** With all its routes; it does not listen yet. */
  readonly http: FastifyInstance
  /** Started when HTTP listens: an app that cannot have its port takes no message. */
  readonly bus: ServiceBus
  /** Sent by OTLP too, where OpenTelemetry's variables ask for that. */
  readonly metrics?: Metrics
}
