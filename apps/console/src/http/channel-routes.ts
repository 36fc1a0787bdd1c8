import type { App, Channel, Contracts } from '@alarm-bus/contracts'
import type { Bus, ChannelReading } from '@alarm-bus/nats-kit'
import { lookAtStream } from '@alarm-bus/nats-kit/admin'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type ChannelDetail, type ChannelNode, publishInput } from '../api.ts'
import type { Audit, BegunAct } from '../audit/audit.ts'
import type { Session } from '../auth/sessions.ts'
import type { BusWatch } from '../look/bus-watch.ts'
import { showItem } from '../messages/show-item.ts'
import { checked } from './checked.ts'
import { eventText, HEARTBEAT, HEARTBEAT_MS, sendEvents, within } from './events.ts'
import { FOR_OPERATORS, notAllowed } from './guard.ts'
import { pointerOf, sensitivePaths } from './hide-sensitive.ts'
import type { Publish } from './publish-through-producer.ts'
import type { Readers } from './readers.ts'
import { revealOf } from './reveal.ts'
import { notFound } from './to-problem.ts'

/** Messages of a tail a second; more nobody reads, and what is over is counted. */
const MAX_PER_SECOND = 50

export interface ChannelRoutesOptions {
  readonly contracts: Contracts
  readonly apps: readonly App[]
  readonly bus: Pick<Bus, 'read' | 'connection'>
  readonly watch: BusWatch
  readonly readers: Readers
  readonly audit: Audit
  /** Undefined where nothing can be published. */
  readonly publish: Publish | undefined
}

type Named = { Params: { readonly name: string } }

export function channelRoutes(http: FastifyInstance, options: ChannelRoutesOptions): void {
  const { contracts, bus, readers, audit, publish } = options
  const channelOf = (name: string): Channel => {
    const channel = contracts.channels.find((one) => one.name === name)
    if (channel) return channel
    const known = contracts.channels.map((one) => one.name).join(', ')
    throw notFound('unknown-channel', 'There is no such channel', `those that exist: ${known}`)
  }

  http.get<Named>('/channels/:name', async (request) => {
    const channel = channelOf(request.params.name)
    return detailOf(options, channel, mayPublish(options, channel, request))
  })

  http.get<Named>('/channels/:name/tail', { exposeHeadRoute: false }, async (request, reply) => {
    const channel = channelOf(request.params.name)
    const reveal = await revealOf(request, audit, `tail of ${channel.name}`)
    const reader = readers.enter('streams', request, reply)
    const after = /^\d{1,15}$/.exec(String(request.headers['last-event-id'] ?? ''))?.[0]
    const last = async (): Promise<number> =>
      (await lookAtStream(bus.connection, contracts.streamOf(channel).name))?.state.last_seq ?? 0
    const sequence = (after === undefined ? await last() : Number(after)) + 1
    const reading = bus.read(channel, { from: { sequence }, live: true, maxMessages: 64, signal: reader.signal })
    return sendEvents(reply, reader, tail(channel, reading, reveal, reader.signal))
  })

  http.post<Named>('/channels/:name/messages', { ...FOR_OPERATORS, bodyLimit: 262_144 }, async (request, reply) => {
    const channel = channelOf(request.params.name)
    const session = request.session as Session
    if (!publish || !mayPublish(options, channel, request)) throw notAllowed('who has the right to publish')
    const input = checked('body', publishInput, request.body)
    const act = await audit.begin({ session, from: request.ip, action: 'publish', target: channel.name })
    return reply.code(202).send(await publishAs(act, publish, channel, input, request.id))
  })
}

async function publishAs(
  act: BegunAct,
  publish: Publish,
  channel: Channel,
  { message, id }: { readonly message?: unknown; readonly id?: string | undefined },
  requestId: string,
) {
  try {
    const published = await publish(channel.name, message, id, requestId)
    await act.end('done', `${published.stream}:${published.seq} ${published.id}`)
    return published
  } catch (error) {
    await act.end('failed', (error as Error).message)
    throw error
  }
}

function mayPublish({ publish, apps }: ChannelRoutesOptions, channel: Channel, { session }: FastifyRequest): boolean {
  const producer = apps.find(({ name }) => name === 'producer')
  const isTaken = producer?.publishes.includes(channel) === true
  return publish !== undefined && isTaken && session?.person.role === 'operator' && session.person.mayPublish
}

function detailOf({ apps, watch }: ChannelRoutesOptions, channel: Channel, isOpen: boolean): ChannelDetail {
  const node = watch.overview().channels.find(({ name }) => name === channel.name) as ChannelNode
  const names = (of: (app: App) => readonly Channel[]): readonly string[] =>
    apps.filter((app) => of(app).includes(channel)).map(({ name }) => name)
  const [example = null] = (channel.schema.meta()?.['examples'] ?? []) as readonly unknown[]
  return {
    ...node,
    compatibility: channel.compatibility,
    maxMessageBytes: channel.maxMessageBytes,
    schema: channel.jsonSchema,
    example,
    sensitive: sensitivePaths(channel.jsonSchema).map(pointerOf),
    publishers: names((app) => app.publishes),
    handlers: watch.overview().handles.filter((arrow) => arrow.channel === channel.name),
    readers: names((app) => app.reads),
    hearers: names((app) => app.hears),
    mayPublish: isOpen,
    history: watch.channelHistory(channel.name),
  }
}

async function* tail(
  channel: Channel,
  reading: ChannelReading,
  reveal: boolean,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let windowEndsAt = 0
  let [shown, skipped] = [0, 0]
  // Ended by the signal, the reading rejects, and nobody may wait for it then.
  const ask = () => reading.next().catch((error: unknown) => ({ done: true, value: undefined, error }) as const)
  let next = ask()
  try {
    while (!signal.aborted) {
      const found = await within(next, HEARTBEAT_MS, signal)
      if (!found) {
        if (!signal.aborted) yield HEARTBEAT
        continue
      }
      if (found.done) return
      next = ask()
      const item = found.value
      if (performance.now() >= windowEndsAt) [windowEndsAt, shown] = [performance.now() + 1_000, 0]
      if (item.kind !== 'gap' && shown >= MAX_PER_SECOND) {
        skipped++
        continue
      }
      shown++
      const id = item.kind === 'gap' ? item.to : item.seq
      if (skipped > 0) yield eventText('skipped', id, { count: skipped })
      skipped = 0
      if (item.kind === 'gap') yield eventText('gap', id, { from: item.from, to: item.to })
      else {
        const one = showItem(channel, item, reveal)
        yield eventText(one.kind, id, one.shown)
      }
    }
  } finally {
    await reading.return()
  }
}
