import type { Channel, Contracts } from '@alarm-bus/contracts'
import { type Problem, REQUEST_ID_HEADER, type ServiceLogger } from '@alarm-bus/service'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { batchAnswers, type BatchOptions } from './batch-answers.ts'
import { chunksUntil } from './chunks-until.ts'
import type { EdgeOptions } from './edge-config.ts'
import { batchTookTooLong, tooManyBatches, tooManyBytes } from './edge-problems.ts'
import { mediaTypeOf } from './media-type.ts'
import { messageIdOf } from './message-id.ts'
import type { Publish } from './publish.ts'
import { problemResponse, publishHeaders, publishQuery } from './publish-input.ts'
import { toProblem } from './to-problem.ts'
import { validatorFor } from './validate.ts'

export interface BatchRouteOptions {
  readonly contracts: Contracts
  readonly publish: Publish
  readonly edge: Pick<EdgeOptions, 'maxBatches' | 'maxBatchMessages'>
  readonly logger: ServiceLogger
}

export const NDJSON = 'application/x-ndjson'
const MAX_BATCH_BYTES = 64 * 1_024 * 1_024
/** Shorter than a request may take to arrive, so that a slow batch ends with an answer and not with its connection. */
const BATCH_TIMEOUT_MS = 25_000
/** A key with a dot and an index behind it is still a message id. */
const MAX_BATCH_KEY_CHARACTERS = 120

const answerLine = z.union([
  z.object({ index: z.int(), id: z.string(), seq: z.int(), duplicate: z.boolean() }),
  z.object({ index: z.int(), error: z.looseObject({ type: z.string(), status: z.int(), detail: z.string() }) }),
])

/** `POST /channels/<name>/messages:batch` for each channel: takes messages one by one as they come, and answers each. */
export async function batchRoutes(http: FastifyInstance, options: BatchRouteOptions): Promise<void> {
  const { contracts, edge } = options
  // The body stays a stream: it is never held as a whole.
  http.removeAllContentTypeParsers()
  http.addContentTypeParser([NDJSON, 'application/json'], (_request, payload, done) => done(null, payload))
  let underWay = 0
  for (const channel of contracts.channels) {
    http.withTypeProvider<ZodTypeProvider>().route({
      method: 'POST',
      url: `/channels/${channel.name}/messages::batch`,
      config: { channel },
      validatorCompiler: validatorFor(),
      schema: {
        summary: `Store many messages on ${channel.name}`,
        description:
          'One message a line (NDJSON), or a JSON array. Each is answered by a line of its own, in order, while the others still come: read while you send, since an answer that is not read holds the rest up. A broken line is answered and does not end the others; a fault in a JSON array does. At most ' +
          `${edge.maxBatchMessages} messages, ${MAX_BATCH_BYTES} bytes and ${BATCH_TIMEOUT_MS / 1_000} s; past that the last line says where it ended.`,
        tags: ['channels'],
        consumes: [NDJSON, 'application/json'],
        produces: [NDJSON],
        querystring: publishQuery(Math.floor(contracts.streamOf(channel).maxAgeMs / 1_000)),
        headers: publishHeaders(MAX_BATCH_KEY_CHARACTERS),
        response: {
          200: { description: 'A line for each message.', content: { [NDJSON]: { schema: answerLine } } },
          400: problemResponse('A bad TTL or idempotency key; nothing was read.'),
          415: problemResponse(`The content type is neither ${NDJSON} nor application/json.`),
          503: problemResponse('Too many batches are under way; try again after Retry-After.'),
        },
      },
      handler: async (request, reply) => {
        if (underWay >= edge.maxBatches) throw tooManyBatches(edge.maxBatches)
        underWay++
        reply.raw.once('close', () => void underWay--)
        const { ttlSeconds } = request.query
        const key = request.headers['idempotency-key']
        const lines = answerLines(
          options,
          channel,
          request as FastifyRequest,
          reply as unknown as FastifyReply,
          (message, index) =>
            options.publish(channel, message, {
              ...(key !== undefined && { id: messageIdOf(key, request.client, index) }),
              ...(ttlSeconds !== undefined && { ttlSeconds }),
              headers: { [REQUEST_ID_HEADER]: request.id },
            }),
        )
        // Small, so that answers are made only as fast as they are read.
        return (reply as unknown as FastifyReply).type(NDJSON).send(Readable.from(lines, { highWaterMark: 16 }))
      },
    })
  }
}

function answerLines(
  { edge, logger }: BatchRouteOptions,
  channel: Channel,
  request: FastifyRequest,
  reply: FastifyReply,
  publish: BatchOptions['publish'],
): AsyncGenerator<string> {
  const ended = new AbortController()
  let why: Problem | undefined
  const end = (problem?: Problem): void => {
    why ??= problem
    ended.abort()
  }
  const deadline = setTimeout(() => end(batchTookTooLong(BATCH_TIMEOUT_MS)), BATCH_TIMEOUT_MS)
  reply.raw.once('close', () => {
    clearTimeout(deadline)
    end()
  })
  async function* chunks(): AsyncGenerator<Buffer> {
    let bytes = 0
    for await (const chunk of chunksUntil(request.raw, ended.signal)) {
      bytes += chunk.length
      if (bytes > MAX_BATCH_BYTES) return end(tooManyBytes(MAX_BATCH_BYTES))
      yield chunk
    }
  }
  let reported = false
  return batchAnswers({
    chunks: chunks(),
    isArray: mediaTypeOf(request.headers['content-type']) !== NDJSON,
    channel,
    maxMessages: edge.maxBatchMessages,
    cutShort: () => why,
    count: countOf(request),
    publish,
    onProblem: (problem, index) => {
      // One line a batch: the broker away would be ten thousand.
      if (problem.status < 500 || reported) return
      reported = true
      const detail = { requestId: request.id, channel: channel.name, index, problem: problem.slug }
      logger.warn({ event: 'batchMessageFailed', ...detail, err: problem.cause ?? problem }, problem.message)
    },
  })
}

/** The request itself was counted as its first message. */
function countOf(request: FastifyRequest): BatchOptions['count'] {
  let isFirst = true
  return async (messages) => {
    let left = isFirst ? messages - 1 : messages
    isFirst = false
    try {
      while (left-- > 0) await request.countMessage?.()
    } catch (error) {
      return toProblem(error)
    }
    return undefined
  }
}
