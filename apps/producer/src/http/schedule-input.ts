import { createHash, randomUUID } from 'node:crypto'
import type { Channel } from '@alarm-bus/contracts'
import type { ScheduleWhen, WaitingMessage } from '@alarm-bus/nats-kit'
import { z } from 'zod'
import type { Client } from '../auth/client.ts'
import { messageIdOf } from './message-id.ts'
import { publishQuery } from './publish-input.ts'

/** As the kit bounds it: what waits for years belongs into a database. */
const MAX_DELAY_SECONDS = 10 * 366 * 24 * 3_600
/** RFC 3339, with its offset. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i
/** Characters that the id of a schedule may have. */
const PLAIN_ID = /^[A-Za-z0-9_:@+=-]{1,100}$/
const MAX_LISTED = 1_000

const scheduleQuery = {
  deliverAt: z
    .unknown()
    .meta({
      type: 'string',
      format: 'date-time',
      description: 'Deliver the message at this time, in place of now; RFC 3339 with an offset, "+" written as %2B.',
    })
    .transform((value, context) => {
      const at = typeof value === 'string' && TIME.test(value) ? new Date(value) : undefined
      if (at && !Number.isNaN(at.getTime())) return at
      context.addIssue('must be a time as RFC 3339 has it, for instance 2030-01-31T09:00:00Z; write "+" as %2B')
      return z.NEVER
    })
    .optional(),
  delaySeconds: z
    .unknown()
    .meta({
      type: 'integer',
      minimum: 1,
      maximum: MAX_DELAY_SECONDS,
      description: 'Deliver the message in so many seconds, in place of now.',
    })
    .transform((value, context) => {
      const seconds = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : 0
      if (seconds >= 1 && seconds <= MAX_DELAY_SECONDS) return seconds
      context.addIssue(`must be a whole number of seconds from 1 to ${MAX_DELAY_SECONDS}`)
      return z.NEVER
    })
    .optional(),
}

/** The query of a channel that is scheduled: `?deliverAt=` and `?delaySeconds=` as well. */
export function schedulableQuery(maxTtlSeconds: number) {
  return publishQuery(maxTtlSeconds)
    .extend(scheduleQuery)
    .check((context) => {
      const given = Object.keys(context.value)
      if (given.length < 2) return
      const message = 'ttlSeconds, deliverAt and delaySeconds do not go together; use one of them'
      context.issues.push({ code: 'custom', path: [given[1] as string], message, input: context.value })
    })
}

export const listQuery = z.strictObject({
  limit: z
    .unknown()
    .meta({ type: 'integer', minimum: 1, maximum: MAX_LISTED, description: 'Most of them; default 100.' })
    .transform((value, context) => {
      const limit = typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : 0
      if (limit >= 1 && limit <= MAX_LISTED) return limit
      context.addIssue(`must be a whole number from 1 to ${MAX_LISTED}`)
      return z.NEVER
    })
    .optional(),
})

export const scheduleReceipt = z.object({
  id: z.string().meta({ description: 'The schedule’s id, and the message id once it is delivered.' }),
  deliverAt: z.iso.datetime().meta({ description: 'When it is delivered.' }),
  duplicate: z.boolean().meta({ description: 'The same message waited under this idempotency key already.' }),
})

export const scheduleList = z.object({
  schedules: z.array(
    z.object({
      id: z.string(),
      deliverAt: z.iso.datetime().nullable().meta({ description: 'Null for one that is delivered again and again.' }),
      scheduledAt: z.iso.datetime(),
    }),
  ),
  more: z.boolean().meta({ description: 'More of them wait than were asked for.' }),
})

export function listed({
  id,
  at,
  scheduledAt,
}: WaitingMessage<Channel>): z.output<typeof scheduleList>['schedules'][number] {
  return { id, deliverAt: at?.toISOString() ?? null, scheduledAt: scheduledAt.toISOString() }
}

/** When a request asks for; undefined for one that asks for now. */
export function whenOf(query: {
  readonly deliverAt?: Date | undefined
  readonly delaySeconds?: number | undefined
}): ScheduleWhen | undefined {
  if (query.deliverAt !== undefined) return { at: query.deliverAt }
  if (query.delaySeconds !== undefined) return { delayMs: query.delaySeconds * 1_000 }
  return undefined
}

/**
 * What the ids of a client's schedules begin with: it lists those and takes them back, and no other client does. Empty
 * where anybody may publish.
 */
export function ownPrefix(client: Client | undefined): string {
  return client ? `${createHash('sha256').update(client.name).digest('base64url').slice(0, 22)}:` : ''
}

/** The schedule's id: a fresh one, or what the idempotency key is for this client. */
export function scheduleIdOf(key: string | undefined, client: Client | undefined): string {
  const id = key === undefined ? randomUUID() : messageIdOf(key, client)
  const plain = PLAIN_ID.test(id) ? id : createHash('sha256').update(id).digest('base64url')
  return ownPrefix(client) + plain
}
