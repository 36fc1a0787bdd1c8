import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import underPressure from '@fastify/under-pressure'
import { answerClientError, createHttp, type HttpOptions, Problem, problemSender } from '@alarm-bus/service'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { createSessions } from '../auth/sessions.ts'
import type { ConsoleConfig } from '../config.ts'
import { busRoutes, type BusRoutesOptions } from './bus-routes.ts'
import { channelRoutes } from './channel-routes.ts'
import { consumerRoutes } from './consumer-routes.ts'
import { guard } from './guard.ts'
import { letterRoutes, type LetterRoutesOptions } from './letter-routes.ts'
import { overviewRoutes } from './overview-routes.ts'
import { servePages } from './pages.ts'
import { publishThroughProducer } from './publish-through-producer.ts'
import { createReaders } from './readers.ts'
import { sessionRoutes } from './session-routes.ts'
import type { BusWatch } from '../look/bus-watch.ts'
import { toProblem } from './to-problem.ts'

const MINUTE_MS = 60_000
/** Clients whose rates are remembered at once. */
const MAX_RATES = 10_000
const MAX_EVENT_LOOP_DELAY_MS = 1_000
const MAX_CONNECTIONS = 512
const BODY_LIMIT_BYTES = 4_096
/** What is mined from a sensitive field may not stay in a browser. */
const NO_STORE = 'no-store'

export interface ConsoleHttpOptions
  extends
    Pick<HttpOptions, 'logger' | 'health' | 'metrics'>,
    Omit<BusRoutesOptions, 'readers'>,
    Omit<LetterRoutesOptions, 'readers' | 'bus'> {
  readonly config: ConsoleConfig
  readonly watch: BusWatch
}

/** The console's whole HTTP side; it does not listen yet. Every failure is answered with a problem (RFC 9457). */
export async function createConsoleHttp(options: ConsoleHttpOptions): Promise<FastifyInstance> {
  const { config, logger, health, metrics } = options
  const sendProblem = problemSender(logger, toProblem)
  const http = createHttp({
    config,
    logger,
    health,
    metrics,
    fastify: {
      bodyLimit: BODY_LIMIT_BYTES,
      routerOptions: { maxParamLength: 1_024 },
      clientErrorHandler: answerClientError,
      frameworkErrors: (error, request, reply) =>
        void sendProblem(error, request as FastifyRequest, reply as FastifyReply),
    },
  })
  http.setErrorHandler(sendProblem)
  http.server.maxConnections = MAX_CONNECTIONS
  // A form of another site can send text without asking first.
  http.removeContentTypeParser('text/plain')
  await http.register(cookie)
  await http.register(helmet, { ...SECURITY_HEADERS, hsts: !config.isDevelopment })
  await http.register((scope) => api(scope, options), { prefix: '/api' })
  await servePages(http, sendProblem)
  return http
}

async function api(http: FastifyInstance, options: ConsoleHttpOptions): Promise<void> {
  const { config, watch, apps, contracts, bus, audit } = options
  const { tokens, isDevelopment } = config
  const sessions = createSessions()
  const name = isDevelopment ? 'alarm-bus-console' : '__Host-alarm-bus-console'
  const readers = createReaders(http)
  const publish = config.producer && publishThroughProducer(config.producer)
  await http.register(underPressure, {
    maxEventLoopDelay: MAX_EVENT_LOOP_DELAY_MS,
    pressureHandler: async () => {
      throw overloaded()
    },
  })
  await http.register(rateLimit, {
    max: config.ratePerMinute,
    timeWindow: MINUTE_MS,
    cache: MAX_RATES,
  })
  http.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', NO_STORE))
  guard(http, { tokens, sessions, cookie: name, isDevelopment })
  http.setNotFoundHandler((request) => {
    throw new Problem({
      status: 404,
      slug: 'no-such-route',
      title: 'There is nothing here',
      detail: `${request.method} ${request.url.split('?', 1)[0]?.slice(0, 128)} does not exist`,
    })
  })
  const canPublish = publish !== undefined
  const { version } = config
  sessionRoutes(http, { tokens, sessions, cookie: name, isSecure: !isDevelopment, canPublish, version, audit })
  overviewRoutes(http, watch, readers)
  channelRoutes(http, { contracts, apps, bus, watch, readers, audit, publish })
  consumerRoutes(http, { contracts, bus, watch })
  letterRoutes(http, { ...options, readers })
  busRoutes(http, { ...options, readers })
}

function overloaded(): Problem {
  return new Problem({
    status: 503,
    slug: 'overloaded',
    title: 'The console is behind',
    detail: 'it has more to do than it can now; try again soon',
    retryAfterSeconds: 2,
  })
}

/** Scripts, styles and data of the console's own, nothing inline, and no page that frames it. */
const SECURITY_HEADERS = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'data:'],
      fontSrc: ["'self'"],
      connectSrc: ["'self'"],
      manifestSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
  },
  frameguard: { action: 'deny' },
  referrerPolicy: { policy: 'no-referrer' },
} as const
