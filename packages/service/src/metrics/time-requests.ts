import type { FastifyInstance } from 'fastify'
import { Histogram, type Registry } from 'prom-client'
import { isProbe } from '../http/is-probe.ts'

/** Seconds, from an answer out of memory to a publish that waits for all of its attempts. */
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15]
/** What a caller may write is an endless set of words. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** How many requests, how they were answered, how long it took. A route is its pattern, and `none` where there is none. */
export function timeRequests(registry: Registry): (http: FastifyInstance) => void {
  const durations = new Histogram({
    name: 'alarm_bus_http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer; route is the pattern, or none.',
    labelNames: ['method', 'route', 'code'],
    buckets: BUCKETS_SECONDS,
    registers: [registry],
  })
  // What the labels stand for is looked up once, not once a request.
  const known = new Map<string, Histogram.Internal<'method' | 'route' | 'code'>>()
  return (http) => {
    http.addHook('onResponse', (request, reply, done) => {
      const route = request.routeOptions.url
      if (!isProbe(route)) {
        const { statusCode } = reply
        const method = METHODS.has(request.method) ? request.method : 'other'
        const key = `${method} ${statusCode} ${route ?? ''}`
        let meter = known.get(key)
        if (!meter) {
          meter = durations.labels({ method, route: route ?? 'none', code: String(statusCode) })
          known.set(key, meter)
        }
        meter.observe(reply.elapsedTime / 1_000)
      }
      done()
    })
  }
}
