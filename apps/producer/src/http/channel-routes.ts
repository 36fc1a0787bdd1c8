import type { Channel, Contracts, MessageInputOf } from '@alarm-bus/contracts'
import type { PublishOptions, PublishReceipt } from '@alarm-bus/nats-kit'
import type { FastifyInstance } from 'fastify'
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { problemBody, publishHeaders, publishQuery, publishReceipt } from './publish-input.ts'
import { strictJsonSchema } from './strict-json-schema.ts'
import { unknownChannel } from './unknown-channel.ts'
import { validatorFor } from './validate.ts'

/** Stores a message and resolves with the broker's receipt; rejects with a KitError. */
export type Publish = <C extends Channel>(
  channel: C,
  message: MessageInputOf<C>,
  options: PublishOptions,
) => Promise<PublishReceipt>

export interface ChannelRoutesOptions {
  readonly contracts: Contracts
  readonly publish: Publish
}

/** `GET /channels`, and one `POST /channels/<name>/messages` for each channel of the contracts. */
export async function channelRoutes(http: FastifyInstance, options: ChannelRoutesOptions): Promise<void> {
  http.setSerializerCompiler(serializerCompiler)
  const { contracts } = options
  for (const channel of contracts.channels) publishRoute(http, channel, options)
  const known = contracts.channels.map(({ name }) => name)
  // Refused before the body is read: no content type makes an unknown channel known.
  http.post<{ Params: { name: string } }>('/channels/:name/messages', {
    schema: { hide: true },
    onRequest: async (request) => {
      throw unknownChannel(request.params.name, known)
    },
    handler: async () => undefined,
  })
  listRoute(http, contracts)
}

function publishRoute(http: FastifyInstance, channel: Channel, { contracts, publish }: ChannelRoutesOptions): void {
  const stream = contracts.streamOf(channel)
  http.withTypeProvider<ZodTypeProvider>().route({
    method: 'POST',
    url: `/channels/${channel.name}/messages`,
    bodyLimit: channel.maxMessageBytes,
    config: { channel },
    validatorCompiler: validatorFor(channel),
    schema: {
      summary: `Store a message on ${channel.name}`,
      description: `${channel.description} Subject ${channel.subject}, stream ${stream.name}.`,
      tags: ['channels'],
      body: channel.schema,
      querystring: publishQuery(Math.floor(stream.maxAgeMs / 1_000)),
      headers: publishHeaders,
      response: {
        202: publishReceipt.describe('Stored: the broker acknowledged the message.'),
        400: problem(
          'Not JSON, against the schema, an unknown field, a bad TTL or idempotency key; each issue with its path.',
        ),
        413: problem(`The body is larger than ${channel.maxMessageBytes} bytes.`),
        415: problem('The content type is not application/json.'),
        422: problem('The idempotency key stands for another message.'),
        503: problem('Not stored now; try again after Retry-After, with the same idempotency key.'),
      },
    },
    handler: async (request, reply) => {
      const id = request.headers['idempotency-key']
      const { ttlSeconds } = request.query
      const receipt = await publish(channel, request.body as MessageInputOf<Channel>, {
        ...(id !== undefined && { id }),
        ...(ttlSeconds !== undefined && { ttlSeconds }),
      })
      return reply.code(202).send(receipt)
    },
  })
}

function problem(description: string) {
  return { description, content: { 'application/problem+json': { schema: problemBody } } }
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
