import cors from '@fastify/cors'
import rateLimit from '@fastify/rate-limit'
import underPressure from '@fastify/under-pressure'
import { sampledLines, type ServiceLogger } from '@alarm-bus/service'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type AuthOptions, createAuthenticator } from '../auth/authenticator.ts'
import { type Client, mayPublish } from '../auth/client.ts'
import type { EdgeOptions } from './edge-config.ts'
import { forbiddenChannel, overloaded, rateLimited, unauthenticated } from './edge-problems.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls; undefined where anybody may. */
    client: Client | undefined
    /** Counts one more message; rejects with a 429 past the client's rate. */
    countMessage: (() => Promise<void>) | undefined
  }
}

export interface ProtectOptions {
  readonly auth: AuthOptions | undefined
  readonly edge: EdgeOptions
  readonly logger: ServiceLogger
}

const MINUTE_MS = 60_000
/** Clients whose rates are remembered at once; the one that was silent for longest is forgotten. */
const MAX_RATES = 10_000

/** Opens the whole server to pages of these origins; without any, browsers let no other page call. */
export async function allowOrigins(http: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return
  await http.register(cors, {
    origin: [...origins],
    methods: ['GET', 'POST', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'x-request-id'],
    exposedHeaders: ['x-request-id', 'retry-after', 'ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'],
    maxAge: 600,
  })
}

/**
 * Stands before the routes of a scope, in this order: a server that is behind answers 503, who is not known 401, who may
 * not use the channel 403, who sends too much 429. Health and documents are outside of it.
 */
export async function protect(scope: FastifyInstance, { auth, edge, logger }: ProtectOptions): Promise<void> {
  await scope.register(underPressure, {
    maxEventLoopDelay: edge.maxEventLoopDelayMs,
    pressureHandler: async () => {
      throw overloaded()
    },
  })
  scope.decorateRequest('client', undefined)
  scope.decorateRequest('countMessage', undefined)
  if (auth === undefined) return
  scope.addHook('onRequest', authenticateWith(auth, logger))
  await limitRates(scope, edge.ratePerMinute)
}

type Hook = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void

function authenticateWith(auth: AuthOptions, logger: ServiceLogger): Hook {
  const authenticate = createAuthenticator(auth)
  const write = sampledLines(logger)
  return (request, reply, done) => {
    const { authorization } = request.headers
    const refuse = (reason: unknown): void => {
      const error = reason instanceof Error ? reason.message : 'no client has this key'
      const fields = { event: 'clientRefused', requestId: request.id, address: request.ip, error }
      write('info', 'clientRefused', fields, 'client refused')
      reply.header('www-authenticate', 'Bearer realm="alarm-bus", error="invalid_token"')
      done(unauthenticated())
    }
    if (authorization === undefined) {
      // RFC 6750: nothing was presented, so no error is named.
      reply.header('www-authenticate', 'Bearer realm="alarm-bus"')
      return done(unauthenticated())
    }
    const admit = (client: Client): void => {
      const { channel } = request.routeOptions.config
      if (channel && !mayPublish(client, channel)) {
        reply.header('www-authenticate', 'Bearer realm="alarm-bus", error="insufficient_scope"')
        return done(forbiddenChannel(channel))
      }
      request.client = client
      done()
    }
    const found = authenticate(authorization)
    if (found instanceof Promise) void found.then(admit, refuse)
    else if (found) admit(found)
    else refuse(undefined)
  }
}

/** Each request is one message; a batch counts the others as they come. */
async function limitRates(scope: FastifyInstance, ratePerMinute: number): Promise<void> {
  const rateOf = (request: FastifyRequest): number => request.client?.ratePerMinute ?? ratePerMinute
  await scope.register(rateLimit, {
    max: rateOf,
    timeWindow: MINUTE_MS,
    keyGenerator: (request) => request.client?.name ?? '',
    cache: MAX_RATES,
    enableDraftSpec: true,
    errorResponseBuilder: (_request, { max, ttl }) => rateLimited(max, Math.ceil(ttl / 1_000)),
  })
  const count = scope.createRateLimit()
  scope.addHook('onRequest', (request, _reply, done) => {
    request.countMessage = async () => {
      const counted = await count(request)
      if (!counted.isAllowed && counted.isExceeded) throw rateLimited(counted.max, counted.ttlInSeconds)
    }
    done()
  })
}
