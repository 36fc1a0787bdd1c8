import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ServiceLogger } from '../logger.ts'
import { sampledLines } from '../sampled-lines.ts'
import { type Problem, PROBLEM_CONTENT_TYPE } from './problem.ts'

/** Answers a failure with its problem. Fastify takes it as its error handler. */
export type SendProblem = (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply

/**
 * Makes the one place that answers failures. A failure of the app's own is a line of the log, of each kind 10 a minute.
 *
 * @param toProblem anything thrown, as a problem; an unexpected error must tell nothing of the inside.
 */
export function problemSender(logger: ServiceLogger, toProblem: (error: unknown) => Problem): SendProblem {
  const write = sampledLines(logger)
  return (error, request, reply) => {
    const problem = toProblem(error)
    if (problem.status >= 500) {
      // A 503 is the trouble of a system that the app leans on, and has been reported once; the others are ours.
      write(
        problem.status === 503 ? 'warn' : 'error',
        `requestFailed ${problem.slug}`,
        {
          event: 'requestFailed',
          requestId: request.id,
          status: problem.status,
          problem: problem.slug,
          err: problem.cause ?? problem,
        },
        problem.message,
      )
    }
    if (problem.retryAfterSeconds !== undefined) reply.header('retry-after', problem.retryAfterSeconds)
    // Set here too: for a path that cannot be decoded Fastify runs no hook.
    reply.header('x-request-id', request.id)
    // A string, so that no response schema cuts it.
    return reply.code(problem.status).type(PROBLEM_CONTENT_TYPE).send(problem.toBody(request.id))
  }
}
