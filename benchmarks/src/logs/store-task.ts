import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { alarmAt } from './alarms.ts'

/*
 * A process that stores alarms with the log-consumer of some checkout, as fast as it takes them, and says how long that
 * took, as one line of JSON.
 */

/** Alarms under way at once: handlers of an app that is asked for speed. */
const IN_FLIGHT = 1_024
export const FIRST_MS = Date.UTC(2026, 0, 1)
/** Times move on by a second in so many alarms. */
export const ALARMS_A_SECOND = 20
export const STREAM = 'BASQUIAT_STREAM'

const { values } = parseArgs({
  options: {
    checkout: { type: 'string', default: '.' },
    database: { type: 'string', default: '' },
    rows: { type: 'string', default: '0' },
    from: { type: 'string', default: '0' },
    /** How many are stored before the clock starts. */
    'warm-up': { type: 'string', default: '0' },
  },
})

/** What any checkout's log-consumer has. */
interface LogConsumer {
  openPostgres(url: string): unknown
  openSqlite(path: string): unknown
  openLogStore(options: object): Promise<{
    save(record: object, context: object): Promise<void>
    check(): { readonly ok: boolean }
    close(): Promise<void>
  }>
}

const load = async (file: string): Promise<LogConsumer> =>
  (await import(pathToFileURL(join(values.checkout, 'apps/log-consumer/src', file)).href)) as LogConsumer
const opened = values.database.startsWith('postgres')
  ? (await load('database/open-postgres.ts')).openPostgres(values.database)
  : (await load('database/open-sqlite.ts')).openSqlite(values.database)
const silent = { debug() {}, info() {}, warn: console.error, error: console.error }
const store = await (
  await load('store/log-store.ts')
).openLogStore({
  database: opened,
  logger: silent,
  limits: { maxAgeMs: Number.MAX_SAFE_INTEGER, maxBytes: Number.MAX_SAFE_INTEGER },
  maxQueued: 2 * IN_FLIGHT,
})
while (!store.check().ok) await new Promise((resolve) => setTimeout(resolve, 50))

const [rows, from, warmUp] = [Number(values.rows), Number(values.from), Number(values['warm-up'])]
const never = (): { readonly signal: AbortSignal } => ({ signal: new AbortController().signal })
let next = from
const worker = async (end: number): Promise<void> => {
  while (next < end) {
    const index = next++
    const { channel, message, extra, requestId } = alarmAt(index)
    const record = {
      channel,
      message,
      ...(extra !== undefined && { extra }),
      id: `id-${index}`,
      requestId,
      stream: STREAM,
    }
    const storedAt = new Date(FIRST_MS + Math.floor((index * 1_000) / ALARMS_A_SECOND))
    await store.save({ ...record, seq: index + 1, storedAt, deliveryCount: 1 }, never())
  }
}
const storeUpTo = (end: number): Promise<unknown> => Promise.all(Array.from({ length: IN_FLIGHT }, () => worker(end)))

await storeUpTo(from + warmUp)
const startedAt = performance.now()
const cpu = process.cpuUsage()
await storeUpTo(from + warmUp + rows)
const seconds = (performance.now() - startedAt) / 1_000
const { user, system } = process.cpuUsage(cpu)
process.stdout.write(
  `${JSON.stringify({ rows, seconds, perSecond: rows / seconds, cpuMicros: (user + system) / rows })}\n`,
)
await store.close()
