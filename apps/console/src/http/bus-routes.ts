import type { App, Contracts, Stream } from '@alarm-bus/contracts'
import type { Bus } from '@alarm-bus/nats-kit'
import { lookAtStream, planStream, withCompanions } from '@alarm-bus/nats-kit/admin'
import type { FastifyInstance } from 'fastify'
import { auditQuery, messageQuery, type Requests, type StreamDetail, type Streams } from '../api.ts'
import type { Audit } from '../audit/audit.ts'
import { findMessage, type FindMessageOptions } from '../messages/find-message.ts'
import { readSchedules } from '../messages/schedules.ts'
import { checked } from './checked.ts'
import type { Readers } from './readers.ts'

const NANOS = 1_000_000
const KINDS: readonly (readonly [RegExp, StreamDetail['kind']])[] = [
  [/_DLQ$/, 'dead_letters'],
  [/_DLQ_SHARES$/, 'dead_letter_shares'],
  [/_REDRIVE$/, 'redrive'],
  [/_IDEMPOTENCY$/, 'idempotency'],
  [/_ONCE$/, 'records'],
  [/_SCHEDULES_/, 'schedules'],
]

export interface BusRoutesOptions extends FindMessageOptions {
  readonly bus: Pick<Bus, 'read' | 'connection'>
  readonly contracts: Contracts
  readonly apps: readonly App[]
  readonly audit: Audit
  readonly readers: Readers
}

/** Streams, requests, schedules, a message, and who did what. */
export function busRoutes(http: FastifyInstance, options: BusRoutesOptions): void {
  const { bus, contracts, apps, audit, readers } = options

  http.get('/streams', async (): Promise<Streams> => {
    const declared = contracts.streams.flatMap((stream) => withCompanions(stream).map((config) => ({ stream, config })))
    const streams = declared.map(async ({ stream, config }): Promise<StreamDetail> => {
      const info = await lookAtStream(bus.connection, config.name)
      const plan = planStream(config, info?.config, { ignoreReplicas: true })
      return streamDetail(stream, config, info, plan)
    })
    return { streams: await Promise.all(streams) }
  })

  http.get('/requests', async (): Promise<Requests> => ({
    requests: contracts.requests.map((one) => ({
      name: one.name,
      subject: one.subject,
      description: one.description,
      owner: one.owner,
      version: one.version,
      timeoutMs: one.timeoutMs,
      answeredBy: apps.find(({ answers }) => answers.includes(one))?.name ?? null,
      askedBy: apps.filter(({ asks }) => asks.includes(one)).map(({ name }) => name),
      request: one.request.jsonSchema,
      response: one.response.jsonSchema,
      errors: Object.keys(one.errors),
    })),
  }))

  http.get('/schedules', () => readSchedules(bus.connection, contracts, apps))

  http.get<{ Params: { id: string } }>('/messages/:id', async (request, reply) => {
    const { by } = checked('query', messageQuery, request.query)
    const { signal } = readers.enter('searches', request, reply)
    return findMessage(options, request.params.id.slice(0, 256), by, signal)
  })

  http.get('/audit', async (request) => {
    const { limit, before } = checked('query', auditQuery, request.query)
    return audit.list(limit, before)
  })
}

type Config = ReturnType<typeof withCompanions>[number]

function streamDetail(
  stream: Stream,
  config: Config,
  info: Awaited<ReturnType<typeof lookAtStream>>,
  plan: ReturnType<typeof planStream>,
): StreamDetail {
  const live = info?.config ?? config
  const limit = (value: number | undefined): number | null => (value !== undefined && value > 0 ? value : null)
  const [maxBytes, maxMessages, maxAge] = [limit(live.max_bytes), limit(live.max_msgs), limit(live.max_age)]
  const { messages = 0, bytes = 0, first_seq = 0, last_seq = 0, consumer_count = 0 } = info?.state ?? {}
  const shares = [maxBytes && bytes / maxBytes, maxMessages && messages / maxMessages].filter((one) => one !== null)
  const isMain = config.name === stream.name
  return {
    name: config.name,
    kind: isMain ? 'channels' : (KINDS.find(([pattern]) => pattern.test(config.name))?.[1] ?? 'other'),
    of: stream.name,
    exists: info !== undefined,
    channels: isMain ? stream.channels.map(({ name }) => name) : [],
    messages,
    bytes,
    maxBytes,
    maxMessages,
    maxAgeMs: maxAge === null ? null : maxAge / NANOS,
    fill: shares.length === 0 ? null : Math.max(...shares),
    oldestMs: messages === 0 ? null : timeOf(info?.state.first_ts),
    newestMs: messages === 0 ? null : timeOf(info?.state.last_ts),
    firstSeq: first_seq,
    lastSeq: last_seq,
    consumers: consumer_count,
    replicas: live.num_replicas ?? 1,
    plan: { action: plan.action, changes: 'changes' in plan ? plan.changes : [] },
  }
}

function timeOf(text: string | undefined): number | null {
  const ms = Date.parse(text ?? '')
  return Number.isFinite(ms) && ms > 0 ? ms : null
}
