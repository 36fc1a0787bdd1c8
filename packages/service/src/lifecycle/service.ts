import type { Bus } from '@alarm-bus/nats-kit'
import type { FastifyInstance } from 'fastify'

/** An app put together, not yet running. Whoever runs it closes it. */
export interface Service {
  /** With all its routes; it does not listen yet. */
  readonly http: FastifyInstance
  /** Called once, when HTTP listens: an app that cannot have its port takes no message. */
  startBus(): Bus
}
