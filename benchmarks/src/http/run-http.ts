import { fileURLToPath } from 'node:url'
import { startNatsServer } from '@alarm-bus/nats-server'
import autocannon from 'autocannon'
import { median } from '../measure/statistics.ts'
import { type ServerProcess, startServer } from './server-process.ts'

const BARE = fileURLToPath(new URL('bare-server.ts', import.meta.url))
const PRODUCER = fileURLToPath(import.meta.resolve('producer/package.json')).replace('package.json', 'src/main.ts')
const PATH = '/channels/alarm-to-log/messages'
const CONNECTIONS = 64
const MESSAGE_BYTES = 256
/** An acked, validated publish over HTTP, beside Fastify that does nothing. */
export const HTTP_GOAL = 0.75

export interface HttpScale {
  readonly rounds: number
  readonly warmUps: number
  readonly roundSeconds: number
}

export interface HttpRound {
  readonly requestsPerSecond: number
  readonly p99Ms: number
}

export interface HttpFigures {
  readonly bare: readonly HttpRound[]
  readonly publish: readonly HttpRound[]
  /** Requests a second of the producer, over those of bare Fastify: medians of one run. */
  readonly ratio: number
}

export interface HttpRunOptions {
  readonly scale: HttpScale
  readonly nodeOptions: readonly string[]
  readonly onProgress: (what: string) => void
}

/**
 * Both servers are processes of their own, and take turns.
 *
 * @throws Error when an answer was not 202: a refused message would be a fast one.
 */
export async function runHttp({ scale, nodeOptions, onProgress }: HttpRunOptions): Promise<HttpFigures> {
  const broker = await startNatsServer({ jetstream: true })
  const servers: ServerProcess[] = []
  try {
    const bare = await startServer(BARE, {}, nodeOptions)
    servers.push(bare)
    const producer = await startServer(
      PRODUCER,
      { NODE_ENV: 'test', NATS_SERVERS: broker.url, STREAMS: 'apply', PRODUCER_PORT: '0' },
      nodeOptions,
    )
    servers.push(producer)
    const rounds = { bare: [] as HttpRound[], publish: [] as HttpRound[] }
    for (let round = -scale.warmUps; round < scale.rounds; round++) {
      const turns = [
        ['bare', bare],
        ['publish', producer],
      ] as const
      for (const [name, { url }] of round % 2 === 0 ? turns : turns.toReversed()) {
        onProgress(`http, ${round < 0 ? 'warm-up' : `round ${round + 1} of ${scale.rounds}`}: ${name}`)
        const measured = await measure(url, scale.roundSeconds)
        if (round >= 0) rounds[name].push(measured)
      }
    }
    return { ...rounds, ratio: rateOf(rounds.publish) / rateOf(rounds.bare) }
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
    await broker.stop()
  }
}

async function measure(url: string, seconds: number): Promise<HttpRound> {
  const result = await autocannon({
    url: `${url}${PATH}`,
    method: 'POST',
    connections: CONNECTIONS,
    duration: seconds,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ message: 'x'.repeat(MESSAGE_BYTES - '{"message":""}'.length) }),
  })
  const refused = result.non2xx + result.errors + result.timeouts
  if (refused > 0)
    throw new Error(`${refused} of ${result.requests.total} requests to ${url} were not answered with 202`)
  return { requestsPerSecond: result.requests.total / result.duration, p99Ms: result.latency.p99 }
}

function rateOf(rounds: readonly HttpRound[]): number {
  return median(rounds.map(({ requestsPerSecond }) => requestsPerSecond))
}

/** For a person. */
export function httpTable({ bare, publish, ratio }: HttpFigures): string {
  const line = (what: string, rounds: readonly HttpRound[]): string => {
    const p99 = median(rounds.map(({ p99Ms }) => p99Ms))
    return `  ${what.padEnd(34)}${rateOf(rounds).toFixed(0).padStart(8)} requests/s   p99 ${p99.toFixed(1)} ms`
  }
  return [
    `http: POST, ${CONNECTIONS} connections, ${MESSAGE_BYTES} B`,
    line('bare Fastify, nothing behind it', bare),
    line('producer, validated and acked', publish),
    `  ratio ${ratio.toFixed(2)}, the goal is ${HTTP_GOAL}: ${ratio >= HTTP_GOAL ? 'reached' : 'missed'}`,
  ].join('\n')
}
