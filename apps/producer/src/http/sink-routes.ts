import { alarmToBot, sinkTest } from '@alarm-bus/contracts'
import { KitError, KitErrorCode, remoteErrorOf, type Requester } from '@alarm-bus/nats-kit'
import { Problem, REQUEST_ID_HEADER } from '@alarm-bus/service'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { messageIdOf } from './message-id.ts'
import { problemResponse, publishHeaders } from './publish-input.ts'
import { MAX_ID_CHARACTERS } from './message-route.ts'
import { validatorFor } from './validate.ts'

/** How long a caller is held. The request goes on after it; below what proxies wait. */
const WAIT_MS = 20_000
/** A look for an answer that is there or is not. */
const LOOK_MS = 1_000
const RETRY_AFTER_SECONDS = 2

export interface SinkRoutesOptions {
  readonly requester: Pick<Requester, 'request' | 'answer'>
}

const outcome = z.object({
  id: z.string().meta({ description: 'By which the outcome is asked for again.' }),
  sink: z.string(),
  sentAt: z.string(),
  tookMs: z.int(),
})
const pending = z.object({ id: z.string(), sink: z.string() })
const params = z.object({ name: z.string().min(1).max(64) })
const ANSWERS = {
  404: problemResponse('No sink is called so, or no test has this id.'),
  502: problemResponse('The sink did not take it; why is in the problem.'),
  503: problemResponse('The bus cannot be asked now. Try again.'),
}

/**
 * `POST /sinks/<name>:test` has alarm-consumer send a test alarm through one of its sinks; `GET /sinks/<name>/tests/<id>`
 * tells the outcome again, also after a restart of this app. Who may publish alarms for people may do both.
 */
export function sinkRoutes(http: FastifyInstance, { requester }: SinkRoutesOptions): void {
  const typed = http.withTypeProvider<ZodTypeProvider>()
  typed.route({
    method: 'POST',
    // The expression ends the parameter before the colon.
    url: '/sinks/:name(^[^/:]+)::test',
    config: { channel: alarmToBot },
    validatorCompiler: validatorFor(),
    schema: {
      summary: 'Sends a test alarm through one sink',
      description:
        'A stored request to alarm-consumer, which answers with what the sink said. Where that takes longer than 20 s, a 202 says where the outcome will be. The same Idempotency-Key is the same test.',
      tags: ['sinks'],
      params,
      headers: publishHeaders(MAX_ID_CHARACTERS),
      response: { 200: outcome, 202: pending.describe('Not answered yet; see Location.'), ...ANSWERS },
    },
    handler: async (request, reply) => {
      const { name } = request.params
      const key = request.headers['idempotency-key']
      const id = key === undefined ? randomUUID() : messageIdOf(key, request.client)
      const headers = { [REQUEST_ID_HEADER]: request.id }
      const asked = requester.request(sinkTest, { sink: name }, { id, headers, signal: AbortSignal.timeout(WAIT_MS) })
      try {
        return outcomeOf(id, await asked)
      } catch (error) {
        if (!KitError.is(error, KitErrorCode.Aborted)) throw problemOf(error, name)
        return notYet(reply, name, id)
      }
    },
  })
  typed.route({
    method: 'GET',
    url: '/sinks/:name/tests/:id',
    config: { channel: alarmToBot },
    validatorCompiler: validatorFor(),
    schema: {
      summary: 'The outcome of a test alarm',
      description: 'By the id that the test was answered with, for a day.',
      tags: ['sinks'],
      params: params.extend({ id: z.string().min(1).max(MAX_ID_CHARACTERS) }),
      response: { 200: outcome, ...ANSWERS },
    },
    handler: async (request) => {
      const { name, id } = request.params
      try {
        const answer = await requester.answer(sinkTest, id, { timeoutMs: LOOK_MS })
        if (answer.sink !== name) throw noAnswer(id)
        return outcomeOf(id, answer)
      } catch (error) {
        throw KitError.is(error, KitErrorCode.Timeout) ? noAnswer(id) : problemOf(error, name)
      }
    },
  })
}

function outcomeOf(
  id: string,
  { sink, sentAtMs, tookMs }: { readonly sink: string; readonly sentAtMs: number; readonly tookMs: number },
): z.infer<typeof outcome> {
  return { id, sink, sentAt: new Date(Math.min(sentAtMs, 8.64e15)).toISOString(), tookMs }
}

function notYet(reply: FastifyReply, sink: string, id: string): z.infer<typeof pending> {
  const where = `/sinks/${encodeURIComponent(sink)}/tests/${encodeURIComponent(id)}`
  void reply.code(202).header('location', where).header('retry-after', RETRY_AFTER_SECONDS)
  return { id, sink }
}

function noAnswer(id: string): Problem {
  return new Problem({
    status: 404,
    slug: 'no-answer-yet',
    title: 'There is no outcome of this id',
    detail: `no test has the id ${JSON.stringify(id.slice(0, 64))}, or alarm-consumer has not answered it yet`,
  })
}

function problemOf(error: unknown, sink: string): unknown {
  const remote = remoteErrorOf(sinkTest, error)
  if (remote?.code === 'unknown_sink')
    return new Problem({
      status: 404,
      slug: 'unknown-sink',
      title: 'No sink is called so',
      detail: `alarm-consumer has no sink ${JSON.stringify(sink)}; it has: ${remote.detail.known.join(', ') || 'none'}`,
      extensions: { sinks: remote.detail.known },
    })
  if (remote?.code === 'sink_failed')
    return new Problem({
      status: 502,
      slug: 'sink-failed',
      title: 'The sink did not take the test alarm',
      detail: remote.detail.error,
    })
  if (KitError.is(error, KitErrorCode.Timeout))
    return new Problem({
      status: 503,
      slug: 'no-answer',
      title: 'alarm-consumer did not answer',
      detail: error.message,
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    })
  return error
}
