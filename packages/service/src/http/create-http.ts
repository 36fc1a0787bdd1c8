import { randomUUID } from 'node:crypto'
import type { Health } from '@alarm-bus/nats-kit'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyServerOptions,
  LogController,
} from 'fastify'
import type { ServiceConfig } from '../config/service-config.ts'
import type { ServiceLogger } from '../logger.ts'
import type { Metrics } from '../metrics/create-metrics.ts'
import { serviceTracer } from '../telemetry/active-trace.ts'
import { traceRequests } from '../telemetry/trace-requests.ts'
import { GatheredRequest } from './gathered-request.ts'
import { healthRoutes } from './health-routes.ts'
import { metricsRoute } from './metrics-route.ts'

/** The whole request has to arrive within this, in milliseconds: a slow sender does not hold a connection. */
const REQUEST_TIMEOUT_MS = 30_000
/** The head of a request has to arrive within this, in milliseconds, and may have so many bytes: Node's own bound. */
const HEADERS_TIMEOUT_MS = 10_000
const MAX_HEADER_BYTES = 16_384
/** How often slow senders are looked for, in milliseconds: so much later than its timeout one is cut off. */
const SLOW_SENDER_LOOK_MS = 5_000
/** A socket without traffic is cut after this, in milliseconds. It has to outlast the slowest handler. */
const CONNECTION_TIMEOUT_MS = 90_000
/** Longer than the idle time of usual load balancers (60 s), so that they, not this end, close a connection. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000
/** Health routes take no body at all. */
const BODY_LIMIT_BYTES = 1_024

export interface HttpOptions {
  /** Who answers: `/readyz` says it. */
  readonly config: Pick<ServiceConfig, 'app' | 'version'>
  readonly logger: ServiceLogger
  /** Of the bus. */
  readonly health: () => Health
  readonly metrics: Metrics
  /** Fastify's own options, over the defaults here. */
  readonly fastify?: FastifyServerOptions
}

/**
 * An HTTP server with limits, request ids, the health routes and metrics; it does not listen yet. While it closes, requests on
 * open connections are still answered, each answer asks the client to reconnect, and `/readyz` is 503.
 */
export function createHttp(options: HttpOptions): FastifyInstance {
  let closing = false
  const http = Fastify({
    // Fastify's own lines ("Server listening …") are for its developers; the service says what it does by itself.
    loggerInstance: withoutChildren(
      options.logger.child({}, { level: quieter(options.logger.level) }) as FastifyBaseLogger,
    ),
    logController: new LogController({ disableRequestLogging: true }),
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      connectionsCheckingInterval: SLOW_SENDER_LOOK_MS,
      IncomingMessage: GatheredRequest,
    },
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    bodyLimit: BODY_LIMIT_BYTES,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    ...options.fastify,
  })
  // At the call: Fastify's own hooks run turns later, and an answer in between would keep its connection.
  const close = http.close.bind(http)
  http.close = ((...args: Parameters<typeof close>) => {
    closing = true
    return close(...args)
  }) as typeof close
  const tracer = serviceTracer()
  if (tracer) traceRequests(http, tracer)
  options.metrics.requests(http)
  http.addHook('onSend', (request, reply, payload, done) => {
    reply.header('x-request-id', request.id)
    if (closing) reply.header('connection', 'close')
    done(null, payload)
  })
  if (options.logger.isLevelEnabled('debug')) logRequests(http, options.logger)
  const { app, version } = options.config
  http.register(healthRoutes, { app, version, health: () => healthNow(options.health, closing) })
  http.register(metricsRoute, { metrics: options.metrics })
  return http
}

/** The level of a running app never changes, so without `debug` there is no hook to pay for. */
function logRequests(http: FastifyInstance, logger: ServiceLogger): void {
  http.addHook('onResponse', (request, reply, done) => {
    logger.debug(
      {
        event: 'requestFinished',
        requestId: request.id,
        method: request.method,
        url: request.url,
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime),
      },
      'request finished',
    )
    done()
  })
}

function healthNow(bus: () => Health, closing: boolean): Health {
  if (closing) return { ready: false, checks: [{ name: 'shutdown', ok: false, detail: 'shutting down' }] }
  return bus()
}

/** A caller's id is taken over where it is harmless in logs and headers, so that one id follows a request through. */
function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID()
}

/**
 * Lines name the request themselves; a logger for each request costs more than most requests. Fastify checks what a
 * factory of child loggers returns each time, and trusts the logger's own `child`.
 */
function withoutChildren(logger: FastifyBaseLogger): FastifyBaseLogger {
  logger.child = () => logger
  return logger
}

function quieter(level: string): string {
  return level === 'info' ? 'warn' : level
}
