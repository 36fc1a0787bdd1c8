import { setTimeout as sleep } from 'node:timers/promises'
import { type Channel, defineChannel, defineContracts, defineStream } from '@alarm-bus/contracts'
import {
  connect,
  type Connection,
  createSubscriber,
  defineHandler,
  ensureStreams,
  type Logger,
} from '@alarm-bus/nats-kit'
import { startNatsServer } from '@alarm-bus/nats-server'
import { jetstreamManager } from '@nats-io/jetstream'
import { z } from 'zod'

/** Apps with so many channels each, in one stream. */
const CHANNELS = [1, 10, 100] as const
/** What is reported: so many requests in this long. */
const PER_SECONDS = 20

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

export interface IdleScale {
  /** The kit looks ever more seldom while nothing happens; until then nothing is counted. */
  readonly settleSeconds: number
  readonly seconds: number
}

export interface IdleFigures {
  readonly channels: number
  /** Requests to the JetStream API in 20 seconds, those for messages among them. */
  readonly requests: number
  readonly consumers: number
}

export interface IdleOptions {
  readonly scale: IdleScale
  readonly onProgress: (what: string) => void
}

/** What subscribers with the kit's defaults ask of the broker while nothing is published. Counts, so all run at once. */
export async function runIdle({ scale, onProgress }: IdleOptions): Promise<readonly IdleFigures[]> {
  const broker = await startNatsServer({ jetstream: true })
  const open: { stop(): Promise<unknown> }[] = []
  try {
    const counter = await connection(broker.url, 'counter')
    open.push({ stop: () => counter.close(1_000) })
    const asked = new Map<string, number>()
    const streams: string[] = []
    for (const count of CHANNELS) {
      onProgress(`idle: starting ${count} channels`)
      const app = await startApp(broker.url, count)
      open.push(app)
      streams.push(app.stream)
    }
    onProgress(`idle: ${scale.settleSeconds} s until they look seldom`)
    await sleep(scale.settleSeconds * 1_000)
    counter.client.subscribe('$JS.API.>', {
      callback: (_, { subject }) => {
        const parts = subject.split('.')
        const stream = streams.find((name) => parts.some((part) => part === name || part.startsWith(`${name}_`)))
        if (stream !== undefined) asked.set(stream, (asked.get(stream) ?? 0) + 1)
      },
    })
    await counter.client.flush()
    onProgress(`idle: counting for ${scale.seconds} s`)
    await sleep(scale.seconds * 1_000)
    const requests = streams.map((stream) => ((asked.get(stream) ?? 0) * PER_SECONDS) / scale.seconds)
    const consumers = await Promise.all(streams.map((stream) => consumersOf(counter, stream)))
    return CHANNELS.map((channels, index) => ({
      channels,
      requests: requests[index] ?? 0,
      consumers: consumers[index] ?? 0,
    }))
  } finally {
    for (const one of open.reverse()) await one.stop()
    await broker.stop()
  }
}

/** For a person. */
export function idleTable(figures: readonly IdleFigures[]): string {
  return [
    `idle: a subscriber with the kit's defaults and nothing to do`,
    ...figures.map(
      ({ channels, requests, consumers }) =>
        `  ${String(channels).padStart(3)} channels ${requests.toFixed(1).padStart(8)} JetStream API requests in ${PER_SECONDS} s   ${String(consumers).padStart(4)} consumers`,
    ),
  ].join('\n')
}

async function startApp(url: string, count: number): Promise<{ readonly stream: string; stop(): Promise<void> }> {
  const channels = Array.from({ length: count }, (_, index): Channel =>
    defineChannel({
      name: `channel-${index}`,
      subject: `idle${count}.${index}`,
      description: 'one of many',
      schema: z.object({ message: z.string() }),
    }),
  )
  const limits = { maxAgeMs: 3_600_000, maxMessages: 1_000, maxBytes: 1024 * 1024 }
  const stream = defineStream({ name: `IDLE${count}`, description: 'idle', channels, ...limits })
  const own = await connection(url, `idle-${count}`)
  await ensureStreams(own, [stream], { mode: 'apply' })
  const subscriber = createSubscriber(own, {
    contracts: defineContracts({ channels, streams: [stream] }),
    app: `idle-${count}`,
    handlers: channels.map((channel) => defineHandler(channel, () => undefined)),
  })
  subscriber.start()
  while (!subscriber.checks().every(({ ok }) => ok)) await sleep(50)
  const stop = async (): Promise<void> => {
    await subscriber.stop(5_000)
    await own.close(2_000)
  }
  return { stream: stream.name, stop }
}

function connection(url: string, name: string): Promise<Connection> {
  return connect({ servers: [url], name }, { logger: silent })
}

/** On the stream and on those that the kit keeps beside it. */
async function consumersOf({ client }: Connection, stream: string): Promise<number> {
  const manager = await jetstreamManager(client, { checkAPI: false })
  let consumers = 0
  for await (const { config, state } of manager.streams.list())
    if (config.name === stream || config.name.startsWith(`${stream}_`)) consumers += state.consumer_count
  return consumers
}
