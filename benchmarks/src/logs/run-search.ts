import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { spawn } from 'node:child_process'
import { startNatsServer } from '@alarm-bus/nats-server'
import { type ServerProcess, startServer } from '../http/server-process.ts'
import { percentile } from '../measure/statistics.ts'
import { COMMON_ENGLISH, COMMON_KOREAN, RARE_ENGLISH, RARE_KOREAN, requestIdAt } from './alarms.ts'
import { type BenchmarkDatabase, type DatabaseKind, makeDatabase } from './databases.ts'

const APP = fileURLToPath(new URL('../../../apps/log-consumer/src/main.ts', import.meta.url))
const LOOP_CPU = fileURLToPath(new URL('loop-cpu.ts', import.meta.url))
const FILL_TASK = fileURLToPath(new URL('fill-task.ts', import.meta.url))
const ROUNDS = 60
const QUIET_MS = 50
/** How often `/livez` is asked meanwhile, in milliseconds. */
const LIVEZ_EVERY_MS = 5

/** What is asked for, each over all logs unless it says otherwise. */
function queriesFor(rows: number): Readonly<Record<string, string>> {
  const text = (value: string): string => `?text=${encodeURIComponent(value)}`
  return {
    'common, two Hangul letters': text(COMMON_KOREAN),
    'common, two Latin letters': text('er'),
    'common, a word': text(COMMON_ENGLISH),
    'common, oldest first': `${text(COMMON_KOREAN)}&order=asc`,
    'rare, two Hangul letters': text(RARE_KOREAN),
    'rare, a word': text(RARE_ENGLISH),
    'nowhere, two Hangul letters': text('뷁쀍'),
    'nowhere, two Latin letters': text('qx'),
    'nowhere, of common pieces': text('도온 도온'),
    'nowhere, of common words': text(`${COMMON_ENGLISH} ${COMMON_KOREAN} ${COMMON_ENGLISH} ${COMMON_KOREAN}`),
    'common, in a channel without logs': `${text(COMMON_KOREAN)}&channel=none`,
    'common, of one request': `${text(COMMON_KOREAN)}&requestId=${requestIdAt(rows >> 1)}`,
    'one request': `?requestId=${requestIdAt(rows >> 1)}`,
    'an unknown request': '?requestId=none',
    'one log': `/BASQUIAT_STREAM/${rows >> 1}`,
  }
}

export interface SearchFigures {
  readonly kind: DatabaseKind
  readonly rows: number
  /** Undefined where it was filled before. */
  readonly fill: FillFigures | undefined
  readonly sizes: { readonly all: number; readonly index: number }
  readonly queries: readonly QueryFigures[]
}

interface QueryFigures {
  readonly name: string
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly logs: number
  /** The page says where to go on although it is not full. */
  readonly isPart: boolean
  /** The longest that `/livez` took meanwhile. */
  readonly livezMs: number
  /** The longest that the app's event loop computed without a break: what of that the app itself is to blame for. */
  readonly loopCpuMs: number
}

export interface SearchOptions {
  readonly kind: DatabaseKind
  readonly rows: number
  /** One that holds so many logs already; else one is made. */
  readonly filled: BenchmarkDatabase | undefined
  readonly onProgress: (what: string) => void
}

/** Asks the real app for its first page over so many logs. */
export async function runSearch({ kind, rows, filled, onProgress }: SearchOptions): Promise<SearchFigures> {
  await using database = filled ?? (await makeDatabase(kind))
  onProgress(`logs, ${kind}: ${filled ? 'starting' : `filling in ${rows} logs`}`)
  const fill = filled ? undefined : await fillIn(database.place, rows)
  const broker = await startNatsServer({ jetstream: true })
  const environment = { NODE_ENV: 'test', NATS_SERVERS: broker.url, STREAMS: 'apply', LOG_CONSUMER_PORT: '0' }
  const limits = { LOG_MAX_AGE_DAYS: '36500', LOG_MAX_MIB: '1000000' }
  const loop = new LoopCpu()
  const nodeOptions = ['--import', LOOP_CPU]
  const app = await startServer(APP, { ...environment, ...limits, ...database.environment }, nodeOptions, loop.onLine)
  try {
    const queries: QueryFigures[] = [{ name: 'nothing, for comparison', ...(await measure(app, loop, undefined)) }]
    for (const [name, query] of Object.entries(queriesFor(rows))) {
      onProgress(`logs, ${kind}: ${name}`)
      queries.push({ name, ...(await measure(app, loop, query)) })
    }
    return { kind, rows, fill, sizes: await database.sizes(), queries }
  } finally {
    await app.stop()
    await broker.stop()
  }
}

interface FillFigures {
  readonly perSecond: number
  readonly cpuMicros: number
}

async function fillIn(place: string, rows: number): Promise<FillFigures> {
  const child = spawn(
    process.execPath,
    ['--conditions=@alarm-bus/source', FILL_TASK, '--database', place, '--rows', String(rows)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let output = ''
  for await (const part of child.stdout) output += String(part)
  return JSON.parse(output) as FillFigures
}

/** @param query undefined: nothing is asked for, so that it shows what the machine does by itself. */
async function measure(
  app: ServerProcess,
  loop: LoopCpu,
  query: string | undefined,
): Promise<Omit<QueryFigures, 'name'>> {
  const ask = async (): Promise<{ readonly logs?: readonly unknown[]; readonly next?: string | null }> => {
    if (query === undefined) return sleep(QUIET_MS, {})
    const response = await fetch(`${app.url}/logs${query}`)
    if (!response.ok && response.status !== 404)
      throw new Error(`${query}: ${response.status} ${await response.text()}`)
    return (await response.json()) as object
  }
  // Once for what is not in memory yet.
  const { logs = [], next } = await ask()
  await loop.maxMs(app)
  const livez = watchLivez(app)
  const timesMs: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now()
    await ask()
    timesMs.push(performance.now() - startedAt)
  }
  const isPart = logs.length < 100 && typeof next === 'string'
  const [p50Ms, p95Ms, p99Ms] = [0.5, 0.95, 0.99].map((share) => percentile(timesMs, share)) as [number, number, number]
  const livezMs = await livez.end()
  return { p50Ms, p95Ms, p99Ms, logs: logs.length, isPart, livezMs, loopCpuMs: await loop.maxMs(app) }
}

/** What `loop-cpu.ts` says within the app. */
class LoopCpu {
  #asked: ((maxMs: number) => void) | undefined

  readonly onLine = ({ event, maxMs }: Readonly<Record<string, unknown>>): void => {
    if (event === 'loopCpu') this.#asked?.(Number(maxMs))
  }

  /** Since it was asked for last. */
  maxMs({ pid }: ServerProcess): Promise<number> {
    return new Promise((resolve) => {
      this.#asked = resolve
      process.kill(pid, 'SIGUSR2')
    })
  }
}

function watchLivez(app: ServerProcess): { end(): Promise<number> } {
  let isOver = false
  let longestMs = 0
  const watching = (async () => {
    while (!isOver) {
      const startedAt = performance.now()
      await (await fetch(`${app.url}/livez`)).text()
      longestMs = Math.max(longestMs, performance.now() - startedAt)
      await sleep(LIVEZ_EVERY_MS)
    }
  })()
  return {
    async end() {
      isOver = true
      await watching
      return longestMs
    },
  }
}

export function searchTable({ kind, rows, fill, sizes, queries }: SearchFigures): string {
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`
  const filled = fill
    ? `; filled in at ${Math.round(fill.perSecond)} a second, ${fill.cpuMicros.toFixed(1)} µs of the processor each`
    : ''
  return [
    `${kind}, ${rows} logs: ${mib(sizes.all)}, of them ${mib(sizes.index)} index${filled}`,
    `${'first page'.padEnd(38)}${['p50 ms', 'p95 ms', 'p99 ms', 'logs', '/livez ms', 'loop ms'].map((head) => head.padStart(11)).join('')}`,
    ...queries.map(({ name, p50Ms, p95Ms, p99Ms, logs, isPart, livezMs, loopCpuMs }) => {
      const times = [p50Ms, p95Ms, p99Ms].map((ms) => ms.toFixed(1))
      const cells = [...times, `${logs}${isPart ? '+' : ''}`, livezMs.toFixed(1), loopCpuMs.toFixed(1)]
      return `${name.padEnd(38)}${cells.map((cell) => cell.padStart(11)).join('')}`
    }),
    '',
  ].join('\n')
}
