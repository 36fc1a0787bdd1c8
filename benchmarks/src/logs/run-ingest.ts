import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { alarmToBot, alarmToLog, contracts } from '@alarm-bus/contracts'
import { createBus, HeaderName } from '@alarm-bus/nats-kit'
import { startNatsServer } from '@alarm-bus/nats-server'
import { startServer } from '../http/server-process.ts'
import { cpuSeconds } from '../measure/cpu-time.ts'
import { median } from '../measure/statistics.ts'
import { alarmAt } from './alarms.ts'
import { type DatabaseKind, makeDatabase } from './databases.ts'

const HERE = fileURLToPath(new URL('../../..', import.meta.url))
const ROUNDS = 5
/** Published at once. */
const IN_FLIGHT = 512
const CONCURRENCY = '512'

export interface IngestRound {
  readonly perSecond: number
  readonly cpuMicros: number
}

export interface IngestFigures {
  readonly kind: DatabaseKind
  readonly here: readonly IngestRound[]
  readonly before: readonly IngestRound[]
}

export interface IngestOptions {
  readonly kind: DatabaseKind
  readonly rows: number
  /** Another checkout with its dependencies installed. */
  readonly against: string
  readonly onProgress: (what: string) => void
}

/** Alarms that wait at the broker, stored by the real app: from the first stored to the last, in turns. */
export async function runIngest({ kind, rows, against, onProgress }: IngestOptions): Promise<IngestFigures> {
  const before = resolve(process.env['INIT_CWD'] ?? '.', against)
  const figures = { kind, here: [] as IngestRound[], before: [] as IngestRound[] }
  for (let round = 0; round < ROUNDS; round++) {
    const turns = [['here', HERE] as const, ['before', before] as const]
    for (const [name, checkout] of round % 2 === 0 ? turns : turns.toReversed()) {
      onProgress(`logs, ${kind}: round ${round + 1} of ${ROUNDS}, ${name}`)
      figures[name].push(await ingest(kind, rows, checkout))
    }
  }
  return figures
}

async function ingest(kind: DatabaseKind, rows: number, checkout: string): Promise<IngestRound> {
  await using database = await makeDatabase(kind)
  const broker = await startNatsServer({ jetstream: true })
  try {
    await publish(broker.url, rows)
    const done = Promise.withResolvers<number>()
    let stored = 0
    let startedAt = 0
    const app = await startServer(
      join(checkout, 'apps/log-consumer/src/main.ts'),
      {
        NODE_ENV: 'test',
        NATS_SERVERS: broker.url,
        STREAMS: 'apply',
        LOG_CONSUMER_PORT: '0',
        CONCURRENCY,
        ...database.environment,
      },
      [],
      ({ event }) => {
        if (event !== 'logStored') return
        if (stored++ === 0) startedAt = performance.now()
        if (stored === rows) done.resolve((performance.now() - startedAt) / 1_000)
      },
    )
    try {
      const seconds = await done.promise
      return { perSecond: rows / seconds, cpuMicros: (cpuSeconds(app.pid) * 1e6) / rows }
    } finally {
      await app.stop()
    }
  } finally {
    await broker.stop()
  }
}

async function publish(url: string, rows: number): Promise<void> {
  const bus = createBus({
    contracts,
    connection: { name: 'bench', servers: [url] },
    logger: { debug() {}, info() {}, warn() {}, error: console.error },
    streams: { mode: 'apply' },
    publisher: {},
  })
  void bus.start()
  while (!bus.health().ready) await new Promise((resolve) => setTimeout(resolve, 20))
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < rows) {
      const { channel, message, extra, requestId } = alarmAt(next++)
      const options = { headers: { [HeaderName.RequestId]: requestId } }
      await (channel === 'alarm-to-bot'
        ? bus.publisher.publish(alarmToBot, { message }, options)
        : bus.publisher.publish(alarmToLog, { message, ...(extra !== undefined && { extra }) }, options))
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  await bus.stop(5_000)
}

export function ingestTable({ kind, here, before }: IngestFigures): string {
  const rate = (rounds: readonly IngestRound[]): number => median(rounds.map(({ perSecond }) => perSecond))
  const cpu = (rounds: readonly IngestRound[]): number => median(rounds.map(({ cpuMicros }) => cpuMicros))
  return [
    `${kind}: alarms stored a second, and µs of the app's processor each, medians of ${here.length} rounds in turns`,
    `  here    ${Math.round(rate(here))}  ${cpu(here).toFixed(1)}`,
    `  before  ${Math.round(rate(before))}  ${cpu(before).toFixed(1)}`,
    `  ratio   ${(rate(here) / rate(before)).toFixed(2)}  ${(cpu(here) / cpu(before)).toFixed(2)}`,
  ].join('\n')
}
