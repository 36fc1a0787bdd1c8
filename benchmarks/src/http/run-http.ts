import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import { cpuSeconds } from '../measure/cpu-time.ts'
import { median } from '../measure/statistics.ts'
import { startHttpBroker } from './http-broker.ts'
import { type ServerProcess, startServer } from './server-process.ts'

const BARE = fileURLToPath(new URL('bare-server.ts', import.meta.url))
const RAW = fileURLToPath(new URL('raw-server.ts', import.meta.url))
const PRODUCER = fileURLToPath(import.meta.resolve('producer/package.json')).replace('package.json', 'src/main.ts')
const PRODUCER_MAIN = 'apps/producer/src/main.ts'
const PATH = '/channels/alarm-to-log/messages'
const CONNECTIONS = 64
const MESSAGE_BYTES = 256
/** The producer's rate over that of the raw client behind Fastify, and its processor time over bare Fastify's. */
export const HTTP_GOALS = { rate: 2.2, processor: 1.5 } as const

const CONTENDERS = {
  bare: 'bare Fastify, nothing behind it',
  raw: 'Fastify, zod, raw client with an id',
  producer: 'producer',
  before: 'producer of the other checkout',
} as const
type Contender = keyof typeof CONTENDERS

export interface HttpScale {
  readonly rounds: number
  /** What each server answers before it is measured: compiling its code takes a quarter of the processor until then. */
  readonly warmUpRequests: number
  readonly roundSeconds: number
}

export interface HttpRound {
  readonly requestsPerSecond: number
  readonly p99Ms: number
  /** Processor time of the server's process, in microseconds a request. */
  readonly processorUs: number
}

export interface HttpFigures {
  readonly accounts: boolean
  readonly rounds: Readonly<Record<Contender, readonly HttpRound[]>>
}

export interface HttpRunOptions {
  readonly scale: HttpScale
  /** The broker as it ships, with an account for each app. */
  readonly accounts: boolean
  /** Another checkout, whose producer takes its turns too. */
  readonly against: string | undefined
  readonly nodeOptions: readonly string[]
  readonly onProgress: (what: string) => void
}

/**
 * The servers are processes of their own, and take turns.
 *
 * @throws Error when an answer was not 202: a refused message would be a fast one.
 */
export async function runHttp({
  scale,
  accounts,
  against,
  nodeOptions,
  onProgress,
}: HttpRunOptions): Promise<HttpFigures> {
  const { server: broker, login } = await startHttpBroker(accounts)
  const servers: ServerProcess[] = []
  const start = async (main: string, environment: Readonly<Record<string, string>>): Promise<ServerProcess> => {
    const server = await startServer(main, environment, nodeOptions)
    servers.push(server)
    return server
  }
  try {
    const producer = {
      NODE_ENV: 'test',
      NATS_SERVERS: broker.url,
      STREAMS: 'verify',
      PRODUCER_PORT: '0',
      ...(login && { NATS_PRODUCER_PASSWORD: login.password }),
    }
    const turns: (readonly [Contender, ServerProcess])[] = [
      ['bare', await start(BARE, {})],
      [
        'raw',
        await start(RAW, {
          RAW_SERVERS: broker.url,
          ...(login && { RAW_USER: login.user, RAW_PASSWORD: login.password }),
        }),
      ],
      ['producer', await start(PRODUCER, producer)],
    ]
    if (against !== undefined) turns.push(['before', await start(join(against, PRODUCER_MAIN), producer)])
    const rounds: Record<Contender, HttpRound[]> = { bare: [], raw: [], producer: [], before: [] }
    for (const [name, { url }] of turns) {
      onProgress(`http, warm-up: ${name}`)
      await ask(url, { amount: scale.warmUpRequests })
    }
    for (let round = 0; round < scale.rounds; round++) {
      for (const [name, server] of round % 2 === 0 ? turns : turns.toReversed()) {
        onProgress(`http, round ${round + 1} of ${scale.rounds}: ${name}`)
        rounds[name].push(await measure(server, scale.roundSeconds))
      }
    }
    return { accounts, rounds }
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
    await broker.stop()
  }
}

async function measure({ url, pid }: ServerProcess, seconds: number): Promise<HttpRound> {
  const before = cpuSeconds(pid)
  const result = await ask(url, { duration: seconds })
  const processorUs = ((cpuSeconds(pid) - before) * 1e6) / result.requests.total
  return { requestsPerSecond: result.requests.total / result.duration, p99Ms: result.latency.p99, processorUs }
}

async function ask(url: string, howMuch: { readonly amount: number } | { readonly duration: number }) {
  const result = await autocannon({
    ...howMuch,
    url: `${url}${PATH}`,
    method: 'POST',
    connections: CONNECTIONS,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ message: 'x'.repeat(MESSAGE_BYTES - '{"message":""}'.length) }),
  })
  const refused = result.non2xx + result.errors + result.timeouts
  if (refused > 0)
    throw new Error(`${refused} of ${result.requests.total} requests to ${url} were not answered with 202`)
  return result
}

/** For a person. */
export function httpTable({ accounts, rounds }: HttpFigures): string {
  const of = (name: Contender, figure: keyof HttpRound): number => median(rounds[name].map((round) => round[figure]))
  const ran = (Object.keys(CONTENDERS) as Contender[]).filter((name) => rounds[name].length > 0)
  const lines = ran.map((name) => {
    const rate = of(name, 'requestsPerSecond').toFixed(0).padStart(8)
    const p99 = of(name, 'p99Ms').toFixed(1).padStart(6)
    return `  ${CONTENDERS[name].padEnd(38)}${rate} requests/s   p99 ${p99} ms   ${of(name, 'processorUs').toFixed(1).padStart(6)} µs/request`
  })
  const rate = of('producer', 'requestsPerSecond') / of('raw', 'requestsPerSecond')
  const processor = of('producer', 'processorUs') / of('bare', 'processorUs')
  const goal = (what: string, isReached: boolean): string => `  ${what}: ${isReached ? 'reached' : 'missed'}`
  const [own, theirs] = [of('producer', 'p99Ms'), of('raw', 'p99Ms')]
  return [
    `http: POST, ${CONNECTIONS} connections, ${MESSAGE_BYTES} B, ${accounts ? 'the configuration that ships' : 'one account'}`,
    ...lines,
    goal(
      `rate ${rate.toFixed(2)} of the raw client behind Fastify, the goal is ${HTTP_GOALS.rate}`,
      rate >= HTTP_GOALS.rate,
    ),
    goal(`p99 ${own.toFixed(1)} ms, the goal is at most its ${theirs.toFixed(1)} ms`, own <= theirs),
    goal(
      `processor time ${processor.toFixed(2)} of bare Fastify, the goal is at most ${HTTP_GOALS.processor}`,
      processor <= HTTP_GOALS.processor,
    ),
  ].join('\n')
}
