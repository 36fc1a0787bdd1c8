import type { Contracts } from '@alarm-bus/contracts'
import { createPlaces, REQUEST_ID_HEADER, sampledLines, type ServiceLogger } from '@alarm-bus/service'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { BATCH_TIMEOUT_MS, MAX_BATCH_BYTES, runBatch } from './batch-run.ts'
import type { EdgeOptions } from './edge-config.ts'
import { tooManyBatches } from './edge-problems.ts'
import { mediaTypeOf } from './media-type.ts'
import { messageIdOf } from './message-id.ts'
import type { Publish } from './publish.ts'
import { problemResponse, publishHeaders, publishQuery } from './publish-input.ts'
import { validatorFor } from './validate.ts'

export interface BatchRouteOptions {
  readonly contracts: Contracts
  readonly publish: Publish
  readonly edge: Pick<EdgeOptions, 'maxBatches' | 'maxBatchMessages'>
  readonly logger: ServiceLogger
}

export const NDJSON = 'application/x-ndjson'
/** A batch that has had no answer taken for so long is idle, in milliseconds: its place is anybody's who needs one. */
const IDLE_MS = 5_000
/** A key with a dot and an index behind it is still a message id. */
const MAX_BATCH_KEY_CHARACTERS = 120

const answerLine = z.union([
  z.object({ index: z.int(), id: z.string(), seq: z.int(), duplicate: z.boolean() }),
  z.object({ index: z.int(), error: z.looseObject({ type: z.string(), status: z.int(), detail: z.string() }) }),
])

/** `POST /channels/<name>/messages:batch` for each channel: takes messages one by one as they come, and answers each. */
export async function batchRoutes(http: FastifyInstance, options: BatchRouteOptions): Promise<void> {
  const { contracts, edge } = options
  const write = sampledLines(options.logger)
  // The body stays a stream: it is never held as a whole.
  http.removeAllContentTypeParsers()
  http.addContentTypeParser([NDJSON, 'application/json'], (_request, payload, done) => done(null, payload))
  const places = createPlaces({ most: edge.maxBatches, idleMs: IDLE_MS })
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
          `${edge.maxBatchMessages} messages, ${MAX_BATCH_BYTES} bytes and ${BATCH_TIMEOUT_MS / 1_000} s; past that, or when it gives its place to another client, the last line says where it ended.`,
        tags: ['channels'],
        consumes: [NDJSON, 'application/json'],
        produces: [NDJSON],
        querystring: publishQuery(Math.floor(contracts.streamOf(channel).maxAgeMs / 1_000)),
        headers: publishHeaders(MAX_BATCH_KEY_CHARACTERS),
        response: {
          200: { description: 'A line for each message.', content: { [NDJSON]: { schema: answerLine } } },
          400: problemResponse('A bad TTL or idempotency key; nothing was read.'),
          415: problemResponse(`The content type is neither ${NDJSON} nor application/json.`),
          503: problemResponse('Too many batches in progress; try again after Retry-After.'),
        },
      },
      handler: async (request, reply) => {
        const { ttlSeconds } = request.query
        const key = request.headers['idempotency-key']
        const lines = runBatch({
          channel,
          request: request as FastifyRequest,
          answer: reply.raw,
          isArray: mediaTypeOf(request.headers['content-type']) !== NDJSON,
          maxMessages: edge.maxBatchMessages,
          write,
          takePlace: (giveWay) => {
            // Where anybody may publish, an address is all that tells one from another.
            const place = places.take(request.client?.name ?? request.ip, giveWay)
            if (!place) throw tooManyBatches(edge.maxBatches)
            return place
          },
          publish: (message, index) =>
            options.publish(channel, message, {
              ...(key !== undefined && { id: messageIdOf(key, request.client, index) }),
              ...(ttlSeconds !== undefined && { ttlSeconds }),
              headers: { [REQUEST_ID_HEADER]: request.id },
            }),
        })
        // Small, so that answers are made only as fast as they are read.
        return (reply as unknown as FastifyReply).type(NDJSON).send(Readable.from(lines, { highWaterMark: 16 }))
      },
    })
  }
}
