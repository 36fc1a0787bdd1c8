import { readTraceHeaders, remoteParent } from '@alarm-bus/nats-kit'
import { context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { isProbe } from '../http/is-probe.ts'

const MAX_PATH_CHARACTERS = 1_024

/**
 * A span for each request, by the HTTP conventions, in the trace that the caller's `traceparent` names. What may hold what
 * people wrote stays out: the query and the headers.
 */
export function traceRequests(http: FastifyInstance, tracer: Tracer): void {
  const spans = new WeakMap<FastifyRequest, Span>()
  const within = (request: FastifyRequest, done: () => void): void => {
    const span = spans.get(request)
    if (span) context.with(trace.setSpan(ROOT_CONTEXT, span), done)
    else done()
  }
  http.addHook('onRequest', (request, _reply, done) => {
    const route = request.routeOptions.url
    if (isProbe(route)) return done()
    const parent = remoteParent(readTraceHeaders((name) => single(request.headers[name])))
    const attributes = {
      'http.request.method': request.method,
      'url.path': pathOf(request.url),
      'url.scheme': request.protocol,
      'alarm_bus.request_id': request.id,
      ...(route !== undefined && { 'http.route': route }),
    }
    const name = route === undefined ? request.method : `${request.method} ${route}`
    spans.set(request, tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent))
    within(request, done)
  })
  // A body is read by what the socket calls, which knows nothing of the request.
  http.addHook('preValidation', (request, _reply, done) => within(request, done))
  http.addHook('onResponse', (request, reply, done) => {
    const span = spans.get(request)
    if (span) {
      const { statusCode: status } = reply
      span.setAttribute('http.response.status_code', status)
      if (status >= 500) {
        span.setAttribute('error.type', String(status))
        span.setStatus({ code: SpanStatusCode.ERROR })
      }
      span.end()
    }
    done()
  })
}

function pathOf(url: string): string {
  const [path = ''] = url.split('?', 1)
  return path.slice(0, MAX_PATH_CHARACTERS)
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? undefined : value
}
