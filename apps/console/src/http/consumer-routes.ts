import type { Contracts } from '@alarm-bus/contracts'
import type { Bus } from '@alarm-bus/nats-kit'
import type { FastifyInstance } from 'fastify'
import type { ConfigurationRow, ConsumerDetail } from '../api.ts'
import type { Arrow } from '../look/arrows.ts'
import type { BusWatch } from '../look/bus-watch.ts'
import { notFound } from './to-problem.ts'

export interface ConsumerRoutesOptions {
  readonly contracts: Contracts
  readonly bus: Pick<Bus, 'read'>
  readonly watch: BusWatch
}

type Named = { Params: { readonly stream: string; readonly consumer: string } }

export function consumerRoutes(http: FastifyInstance, { contracts, bus, watch }: ConsumerRoutesOptions): void {
  http.get<Named>('/consumers/:stream/:consumer', async ({ params }): Promise<ConsumerDetail> => {
    const arrows = watch.arrows()
    const arrow = arrows.find(({ shown }) => shown.stream === params.stream && shown.consumer === params.consumer)
    if (!arrow) {
      const known = arrows.map(({ shown }) => `${shown.stream}/${shown.consumer}`).join(', ')
      throw notFound('unknown-consumer', 'There is no such consumer', `those that are declared: ${known || 'none'}`)
    }
    const { info, shown } = arrow
    const about = ({ params: of }: { readonly params: object }): boolean =>
      'consumer' in of && of.consumer === shown.consumer && 'stream' in of && of.stream === shown.stream
    return {
      ...shown,
      createdAtMs: info ? Date.parse(info.created) : null,
      oldestUnreadMs: info && info.num_pending > 0 ? await oldestUnread(info.delivered.stream_seq, arrow) : null,
      deliveredSeq: info?.delivered.stream_seq ?? 0,
      ackFloorSeq: info?.ack_floor.stream_seq ?? 0,
      problems: watch.overview().problems.filter(about),
      configuration: configurationOf(arrow),
      history: watch.consumerHistory(shown.stream, shown.consumer),
    }
  })

  const oldestUnread = async (delivered: number, { shown }: Arrow): Promise<number | null> => {
    const channel = contracts.channels.find(({ name }) => name === shown.channel)
    if (!channel) return null
    for await (const item of bus.read(channel, { from: { sequence: delivered + 1 }, maxMessages: 1 })) {
      if (item.kind !== 'gap') return item.storedAt.getTime()
    }
    return null
  }
}

/** What the server has, beside what the declaration settles; null there stands for what may not be set. */
function configurationOf({ info, declared }: Arrow): readonly ConfigurationRow[] {
  const live = (info?.config ?? {}) as Readonly<Record<string, unknown>>
  const wanted = declared.config as Readonly<Record<string, unknown>>
  const fields = [...new Set([...Object.keys(wanted), ...Object.keys(live)])].filter((field) => field !== 'metadata')
  return fields.map((field) => {
    if (!(field in wanted)) return { field, live: live[field] ?? null, differs: false }
    const differs = info !== undefined && !same(live[field], wanted[field])
    return { field, live: live[field] ?? null, declared: wanted[field] ?? null, differs }
  })
}

/** The server leaves out what is false, empty or 0. */
function same(live: unknown, declared: unknown): boolean {
  const normal = (value: unknown): string =>
    JSON.stringify(value === undefined || value === '' || value === false || value === 0 ? null : value)
  return normal(live) === normal(declared)
}
