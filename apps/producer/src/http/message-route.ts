import type { Channel, Contracts } from '@alarm-bus/contracts'
import { Problem, REQUEST_ID_HEADER } from '@alarm-bus/service'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { type Ask, type MessageOutcome, messageOutcome, messageOutcomeSchema } from './message-outcome.ts'
import { problemResponse } from './publish-input.ts'
import { unknownChannel } from './unknown-channel.ts'
import { validatorFor } from './validate.ts'

/** As the kit bounds an id. */
export const MAX_ID_CHARACTERS = 128
/** An app that is not there now may be soon: restarts take seconds. */
const RETRY_AFTER_SECONDS = 2

export interface MessageRouteOptions {
  readonly contracts: Contracts
  readonly ask: Ask
}

/** `GET /channels/<name>/messages/<id>`: what the apps that handle the channel know of a message. */
export function messageRoutes(http: FastifyInstance, { contracts, ask }: MessageRouteOptions): void {
  for (const channel of contracts.channels) messageRoute(http, channel, ask)
  const known = contracts.channels.map(({ name }) => name)
  http.get<{ Params: { name: string } }>('/channels/:name/messages/:id', {
    schema: { hide: true },
    onRequest: async (request) => {
      throw unknownChannel(request.params.name, known)
    },
    handler: async () => undefined,
  })
}

function messageRoute(http: FastifyInstance, channel: Channel, ask: Ask): void {
  http.withTypeProvider<ZodTypeProvider>().route({
    method: 'GET',
    url: `/channels/${channel.name}/messages/:id`,
    config: { channel },
    validatorCompiler: validatorFor(),
    schema: {
      summary: `What became of a message on ${channel.name}`,
      description:
        'Asks the apps that handle the channel: whether it is stored, which sinks got it, when it is retried, why it was given up.',
      tags: ['channels'],
      params: z.object({ id: z.string().min(1).max(MAX_ID_CHARACTERS) }),
      response: {
        200: messageOutcomeSchema.describe('What those say that know it.'),
        404: problemResponse(
          'All that were asked answered, and none of them knows it: not stored, not read yet, or too old.',
        ),
        503: problemResponse('None knows it, and not all answered; which and why is in the problem. Try again.'),
      },
    },
    handler: async (request) =>
      answered(await messageOutcome(withRequestId(ask, request.id), channel, request.params.id)),
  })
}

/** So that what the apps log of it can be found. */
function withRequestId(ask: Ask, requestId: string): Ask {
  return (request, input) => ask(request, input, { headers: { [REQUEST_ID_HEADER]: requestId } })
}

function answered(said: MessageOutcome): MessageOutcome {
  const all = [said.log, said.delivery]
  if (all.some(({ answer }) => answer === 'known')) return said
  const extensions = { log: said.log, delivery: said.delivery }
  if (all.some(({ answer }) => answer === 'no-answer')) {
    throw new Problem({
      status: 503,
      slug: 'no-answer',
      title: 'Not every app answered',
      detail: `log-consumer: ${inWords(said.log)}; alarm-consumer: ${inWords(said.delivery)}`,
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      extensions,
    })
  }
  throw new Problem({
    status: 404,
    slug: 'unknown-message',
    title: 'No app knows the message',
    detail: 'it was not stored, has not been processed yet, or is too old',
    extensions,
  })
}

function inWords(one: MessageOutcome['log'] | MessageOutcome['delivery']): string {
  return one.answer === 'no-answer' ? `no answer (${one.why})` : one.answer
}
