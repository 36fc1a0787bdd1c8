import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../metrics/create-metrics.ts'

/** `GET /metrics` in Prometheus's text format, whether the app is ready or not. */
export async function metricsRoute(http: FastifyInstance, options: { readonly metrics: Metrics }): Promise<void> {
  http.get('/metrics', async (_request, reply) =>
    reply
      .header('cache-control', 'no-store')
      .type(options.metrics.contentType)
      .send(await options.metrics.text()),
  )
}
