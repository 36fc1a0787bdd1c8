import { answerClientError, createHttp, type HttpOptions, Problem, problemSender } from '@alarm-bus/service'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { channelRoutes, type ChannelRoutesOptions } from './channel-routes.ts'
import { acceptJsonOnly } from './json-body.ts'
import { allowOrigins } from './protect.ts'
import { publishTogether } from './publish-together.ts'
import { sendSecurityHeaders } from './security-headers.ts'
import { toProblem } from './to-problem.ts'

export interface ProducerHttpOptions
  extends ChannelRoutesOptions, Pick<HttpOptions, 'config' | 'logger' | 'health' | 'metrics'> {}

/** The producer's whole HTTP side; it does not listen yet. Every failure is answered with a problem (RFC 9457). */
export async function createProducerHttp(options: ProducerHttpOptions): Promise<FastifyInstance> {
  const { logger } = options
  const sendProblem = problemSender(logger, toProblem)
  const http = createHttp({
    config: options.config,
    logger,
    health: options.health,
    metrics: options.metrics,
    fastify: {
      // An unknown channel is a 404 however long its name: Node's own bound on a request's head comes first.
      routerOptions: { maxParamLength: 16_384 },
      clientErrorHandler: answerClientError,
      frameworkErrors: (error, request, reply) =>
        void sendProblem(error, request as FastifyRequest, reply as FastifyReply),
    },
  })
  acceptJsonOnly(http)
  http.setErrorHandler(sendProblem)
  http.setNotFoundHandler((request, reply) => sendProblem(noSuchRoute(request), request, reply))
  const { edge, auth, contracts, scheduler } = options
  const publish = publishTogether(options.publish)
  http.server.maxConnections = edge.maxConnections
  sendSecurityHeaders(http)
  await allowOrigins(http, edge.corsOrigins)
  if (edge.docs) {
    // Off in production, where they would only take memory.
    const [{ serveOpenApi }, { serveEventDocuments }] = await Promise.all([
      import('./openapi.ts'),
      import('./event-documents.ts'),
    ])
    await serveOpenApi(http, contracts)
    await serveEventDocuments(http)
  }
  await http.register(channelRoutes, { contracts, publish, scheduler, ask: options.ask, edge, auth, logger })
  return http
}

function noSuchRoute(request: FastifyRequest): Problem {
  const path = request.url.split('?', 1)[0]?.slice(0, 128) ?? ''
  return new Problem({
    status: 404,
    slug: 'no-such-route',
    title: 'No such route',
    detail: `${request.method} ${path} does not exist; see /docs`,
  })
}
