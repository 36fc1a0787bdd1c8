import type { Health } from '@alarm-bus/nats-kit'
import type { FastifyInstance } from 'fastify'

export interface HealthRoutesOptions {
  readonly app: string
  readonly version: string
  readonly health: () => Health
}

/**
 * `GET /livez`: 200 as long as the process runs, whatever the broker does; a restart would not help.
 * `GET /readyz`: 200, or 503 while a check is not well; `{ app, version, ready, checks }` either way.
 */
export async function healthRoutes(http: FastifyInstance, options: HealthRoutesOptions): Promise<void> {
  http.get('/livez', async (_request, reply) => reply.header('cache-control', 'no-store').send({ live: true }))
  http.get('/readyz', async (_request, reply) => {
    const health = options.health()
    return reply
      .code(health.ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ app: options.app, version: options.version, ...health })
  })
}
