import type { Channel, Contracts } from '@alarm-bus/contracts'
import type { Scheduler } from '@alarm-bus/nats-kit'
import { Problem } from '@alarm-bus/service'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Client } from '../auth/client.ts'
import { problemResponse } from './publish-input.ts'
import { listed, listQuery, ownPrefix, scheduleList } from './schedule-input.ts'
import { unknownChannel } from './unknown-channel.ts'
import { validatorFor } from './validate.ts'

const DEFAULT_LISTED = 100
/** A list reads what waits of all clients. */
const LISTS_AT_ONCE = 4
const RETRY_AFTER_SECONDS = 1
const MAX_ID_CHARACTERS = 128

export interface ScheduleRoutesOptions {
  readonly contracts: Contracts
  readonly scheduler: Pick<Scheduler, 'schedule' | 'cancel' | 'schedules'>
}

/**
 * For each channel that is scheduled `GET /channels/<name>/schedules` and `DELETE /channels/<name>/schedules/<id>`. A client sees
 * and takes back its own schedules alone.
 */
export function scheduleRoutes(http: FastifyInstance, options: ScheduleRoutesOptions): void {
  const scheduled = options.contracts.streams.flatMap((stream) => stream.scheduled)
  const lists = { running: 0 }
  for (const channel of scheduled) {
    listRoute(http, channel, options.scheduler, lists)
    cancelRoute(http, channel, options.scheduler)
  }
  const known = scheduled.map(({ name }) => name)
  for (const [method, url] of [
    ['GET', '/channels/:name/schedules'],
    ['DELETE', '/channels/:name/schedules/:id'],
  ] as const) {
    http.route<{ Params: { name: string } }>({
      method,
      url,
      schema: { hide: true },
      onRequest: async (request) => {
        throw unknownChannel(request.params.name, known)
      },
      handler: async () => undefined,
    })
  }
}

function listRoute(
  http: FastifyInstance,
  channel: Channel,
  scheduler: ScheduleRoutesOptions['scheduler'],
  lists: { running: number },
): void {
  http.withTypeProvider<ZodTypeProvider>().route({
    method: 'GET',
    url: `/channels/${channel.name}/schedules`,
    config: { channel },
    validatorCompiler: validatorFor(),
    schema: {
      summary: `What waits on ${channel.name}`,
      description: 'The client’s own messages that are not delivered yet, in the order they were scheduled in.',
      tags: ['schedules'],
      querystring: listQuery,
      response: {
        200: scheduleList.describe('As many as were asked for.'),
        503: problemResponse('The broker does not answer now, or too many lists are asked for.'),
      },
    },
    handler: async (request) => {
      if (lists.running >= LISTS_AT_ONCE) throw tooManyLists()
      lists.running++
      try {
        return await list(scheduler, channel, request.client, request.query.limit ?? DEFAULT_LISTED)
      } finally {
        lists.running--
      }
    },
  })
}

async function list(
  scheduler: ScheduleRoutesOptions['scheduler'],
  channel: Channel,
  client: Client | undefined,
  limit: number,
): Promise<z.output<typeof scheduleList>> {
  const prefix = ownPrefix(client)
  const schedules = []
  for await (const waiting of scheduler.schedules(channel)) {
    if (!waiting.id.startsWith(prefix)) continue
    if (schedules.length === limit) return { schedules, more: true }
    schedules.push(listed(waiting))
  }
  return { schedules, more: false }
}

function cancelRoute(http: FastifyInstance, channel: Channel, scheduler: ScheduleRoutesOptions['scheduler']): void {
  http.withTypeProvider<ZodTypeProvider>().route({
    method: 'DELETE',
    url: `/channels/${channel.name}/schedules/:id`,
    config: { channel },
    validatorCompiler: validatorFor(),
    schema: {
      summary: `Take back a message that waits on ${channel.name}`,
      description: 'It will not be delivered, or not again.',
      tags: ['schedules'],
      params: z.object({ id: z.string().min(1).max(MAX_ID_CHARACTERS) }),
      response: {
        204: z.undefined().describe('Taken back.'),
        404: problemResponse(
          'The client has no schedule of that id: never scheduled, taken back before, or delivered.',
        ),
        503: problemResponse('The broker does not answer now; try again after Retry-After.'),
      },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      if (!id.startsWith(ownPrefix(request.client)) || !(await scheduler.cancel(channel, id))) throw unknownSchedule()
      return reply.code(204).send()
    },
  })
}

function unknownSchedule(): Problem {
  return new Problem({
    status: 404,
    slug: 'unknown-schedule',
    title: 'Nothing waits under this id',
    detail: 'it was never scheduled, was taken back before, or is delivered',
  })
}

function tooManyLists(): Problem {
  return new Problem({
    status: 503,
    slug: 'too-many-lists',
    title: 'Too many lists are asked for',
    detail: 'try again after Retry-After',
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  })
}
