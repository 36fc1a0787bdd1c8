import { answerClientError, createHttp, type HttpOptions, Problem, problemSender } from '@alarm-bus/service'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { logRoutes, type LogRoutesOptions } from './log-routes.ts'
import { toProblem } from './to-problem.ts'

export interface LogHttpOptions
  extends Omit<LogRoutesOptions, 'timed'>, Pick<HttpOptions, 'config' | 'logger' | 'health' | 'metrics'> {}

/** The log consumer's whole HTTP side; it does not listen yet. Every failure is answered with a problem (RFC 9457). */
export function createLogHttp(options: LogHttpOptions): FastifyInstance {
  const { config, logger, health, metrics, ...routes } = options
  const sendProblem = problemSender(logger, toProblem)
  const http = createHttp({
    config,
    logger,
    health,
    metrics,
    fastify: {
      clientErrorHandler: answerClientError,
      frameworkErrors: (error, request, reply) =>
        void sendProblem(error, request as FastifyRequest, reply as FastifyReply),
    },
  })
  http.setErrorHandler(sendProblem)
  http.setNotFoundHandler((request, reply) => sendProblem(noSuchRoute(request), request, reply))
  const timed = metrics.timer({
    name: 'log_read_duration_seconds',
    help: 'Time to read a page of logs or one log; exports and streams last as long as their reader does. result is ok or failed.',
    label: 'kind',
  })
  http.register(logRoutes, { ...routes, timed })
  return http
}

function noSuchRoute(request: FastifyRequest): Problem {
  const path = request.url.split('?', 1)[0]?.slice(0, 128) ?? ''
  return new Problem({
    status: 404,
    slug: 'no-such-route',
    title: 'No such route',
    detail: `${request.method} ${path} does not exist; GET /logs does`,
  })
}
