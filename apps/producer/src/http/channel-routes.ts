import type { Channel, Contracts, MessageInputOf } from '@alarm-bus/contracts'
import { REQUEST_ID_HEADER } from '@alarm-bus/service'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { batchRoutes } from './batch-route.ts'
import { messageIdOf } from './message-id.ts'
import type { Ask } from './message-outcome.ts'
import { messageRoutes } from './message-route.ts'
import { protect, type ProtectOptions } from './protect.ts'
import type { Publish } from './publish.ts'
import { problemResponse, publishHeaders, publishQuery, publishReceipt } from './publish-input.ts'
import { schedulableQuery, scheduleIdOf, scheduleReceipt, whenOf } from './schedule-input.ts'
import { scheduleRoutes, type ScheduleRoutesOptions } from './schedule-routes.ts'
import { strictJsonSchema } from './strict-json-schema.ts'
import { unknownChannel } from './unknown-channel.ts'
import { validatorFor } from './validate.ts'

export interface ChannelRoutesOptions extends ProtectOptions, ScheduleRoutesOptions {
  readonly publish: Publish
  readonly ask: Ask
}

const MAX_KEY_CHARACTERS = 128

/**
 * `GET /channels`, and for each channel of the contracts `POST /channels/<name>/messages`, `messages:batch`, and
 * `GET /channels/<name>/messages/<id>`; and the schedules of those that are scheduled.
 */
export async function channelRoutes(http: FastifyInstance, options: ChannelRoutesOptions): Promise<void> {
  // Answers are the app's own; their schemas are for the document.
  http.setSerializerCompiler(() => JSON.stringify)
  const { contracts } = options
  await protect(http, options)
  for (const channel of contracts.channels) publishRoute(http, channel, options)
  const known = contracts.channels.map(({ name }) => name)
  // Refused before the body is read: no content type makes an unknown channel known.
  for (const path of ['/channels/:name/messages', '/channels/:name/messages::batch']) {
    http.post<{ Params: { name: string } }>(path, {
      schema: { hide: true },
      onRequest: async (request) => {
        throw unknownChannel(request.params.name, known)
      },
      handler: async () => undefined,
    })
  }
  await http.register(batchRoutes, options)
  messageRoutes(http, options)
  scheduleRoutes(http, options)
  listRoute(http, contracts)
}

function publishRoute(
  http: FastifyInstance,
  channel: Channel,
  { contracts, publish, scheduler }: ChannelRoutesOptions,
): void {
  const stream = contracts.streamOf(channel)
  const isScheduled = stream.scheduled.includes(channel)
  const maxTtlSeconds = Math.floor(stream.maxAgeMs / 1_000)
  http.withTypeProvider<ZodTypeProvider>().route({
    method: 'POST',
    url: `/channels/${channel.name}/messages`,
    bodyLimit: channel.maxMessageBytes,
    config: { channel },
    validatorCompiler: validatorFor(),
    schema: {
      summary: `Store a message on ${channel.name}`,
      description: `${channel.description} Subject ${channel.subject}, stream ${stream.name}.`,
      tags: ['channels'],
      body: channel.schema,
      querystring: isScheduled ? schedulableQuery(maxTtlSeconds) : publishQuery(maxTtlSeconds),
      headers: publishHeaders(MAX_KEY_CHARACTERS),
      response: {
        202: isScheduled
          ? z
              .union([publishReceipt, scheduleReceipt])
              .describe('Stored: the broker acknowledged the message, or has it wait for its time.')
          : publishReceipt.describe('Stored: the broker acknowledged the message.'),
        400: problemResponse(
          'Not JSON, against the schema, an unknown field, a bad TTL or idempotency key; each issue with its path.',
        ),
        413: problemResponse(`The body is larger than ${channel.maxMessageBytes} bytes.`),
        415: problemResponse('The content type is not application/json.'),
        422: problemResponse('The idempotency key was used for another message.'),
        503: problemResponse('Not stored now; try again after Retry-After, with the same idempotency key.'),
      },
    },
    handler: (request, reply) => {
      const key = request.headers['idempotency-key']
      const { ttlSeconds } = request.query
      const when = isScheduled ? whenOf(request.query as Parameters<typeof whenOf>[0]) : undefined
      if (when !== undefined) {
        const id = scheduleIdOf(key, request.client)
        const headers = { [REQUEST_ID_HEADER]: request.id }
        return void scheduler.schedule(channel, request.body as MessageInputOf<Channel>, when, { id, headers }).then(
          ({ at, duplicate }) => reply.code(202).send({ id, deliverAt: at?.toISOString() ?? '', duplicate }),
          (error: unknown) => (reply as unknown as FastifyReply).send(error),
        )
      }
      // The bus holds the message to its contract, so that it is checked once.
      void publish(channel, request.body as MessageInputOf<Channel>, {
        ...(key !== undefined && { id: messageIdOf(key, request.client) }),
        ...(ttlSeconds !== undefined && { ttlSeconds }),
        headers: { [REQUEST_ID_HEADER]: request.id },
      }).then(
        (receipt) => reply.code(202).send(receipt),
        (error: unknown) => (reply as unknown as FastifyReply).send(error),
      )
    },
  })
}

function listRoute(http: FastifyInstance, contracts: Contracts): void {
  const channels = contracts.channels.map((channel) => ({
    name: channel.name,
    subject: channel.subject,
    description: channel.description,
    version: channel.version,
    stream: contracts.streamOf(channel).name,
    maxMessageBytes: channel.maxMessageBytes,
    publishTo: `/channels/${channel.name}/messages`,
    schema: strictJsonSchema(channel.jsonSchema),
  }))
  const entry = z.object({
    name: z.string(),
    subject: z.string(),
    description: z.string(),
    version: z.number(),
    stream: z.string(),
    maxMessageBytes: z.number(),
    publishTo: z.string(),
    schema: z.record(z.string(), z.unknown()),
  })
  http.get('/channels', {
    schema: {
      summary: 'The channels',
      description: 'Names, subjects and the JSON Schema of each channel’s messages.',
      tags: ['channels'],
      response: { 200: z.object({ channels: z.array(entry) }).describe('Every channel of the contracts.') },
    },
    handler: async () => ({ channels }),
  })
}
