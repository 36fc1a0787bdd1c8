import type { Channel, Contracts } from '@alarm-bus/contracts'
import swagger, { type SwaggerTransform } from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform } from 'fastify-type-provider-zod'
import { strictJsonSchema } from './strict-json-schema.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The channel that the route publishes to, or asks about. */
    channel?: Channel
  }
}

/** `/openapi.json`, and `/docs` for people. Registered before the routes, which it collects. */
export async function serveOpenApi(http: FastifyInstance, contracts: Contracts): Promise<void> {
  await http.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Alarm bus producer',
        description: `Stores messages on the bus. A 202 means that the broker has the message. Channels: ${contracts.channels.map(({ name }) => name).join(', ')}.`,
        version: '1',
      },
    },
    transform: toDocument,
  })
  await http.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
  http.get('/openapi.json', { schema: { hide: true } }, async () => http.swagger())
}

/** Zod schemas as JSON Schema; a message's is the strict one, since its zod schema is the lenient one that consumers read with. */
const toDocument: SwaggerTransform = (document) => {
  const transformed = jsonSchemaTransform(document as Parameters<typeof jsonSchemaTransform>[0])
  const channel = document.route.config?.channel
  // A route that reads messages has no body.
  const schema =
    channel && document.schema?.body
      ? { ...transformed.schema, body: strictJsonSchema(channel.jsonSchema) }
      : transformed.schema
  return { ...transformed, schema } as ReturnType<SwaggerTransform>
}
