import { get, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { createLogger, createMetrics } from '@alarm-bus/service'
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createLogHttp } from '../src/http/log-http.ts'
import type { LogEntry } from '../src/store/log-row.ts'
import type { LogStore } from '../src/store/log-store.ts'
import { KINDS, startDatabases, type TestDatabase, type TestDatabases } from './support/databases.ts'
import { type EventStream, openEventStream } from './support/event-stream.ts'
import { never, openStore, record } from './support/records.ts'

const config = { app: 'test', version: '0.0.0' }
const TOKENS = ['a-token-of-a-test-that-is-long-enough', 'another-token-of-a-test-long-enough-too']

/** One instance of the app: its store and its HTTP side. */
interface Instance extends AsyncDisposable {
  readonly store: LogStore
  readonly http: FastifyInstance
  readonly url: string
}

let databases: TestDatabases
let database: TestDatabase
const opened: EventStream[] = []
beforeAll(async () => {
  databases = await startDatabases()
})
afterAll(() => databases[Symbol.asyncDispose]())
afterEach(() => {
  for (const stream of opened.splice(0)) stream.close()
})

async function start(tokens: readonly string[] = []): Promise<Instance> {
  const store = await openStore(database)
  const http = createLogHttp({
    config,
    logger: createLogger({ ...config, logLevel: 'fatal' }),
    health: () => ({ ready: false, checks: [] }),
    metrics: createMetrics(config),
    database: () => store.database(),
    tail: () => store.tail,
    recent: store.recent,
    tokens,
  })
  const url = await http.listen({ port: 0, host: '127.0.0.1' })
  return {
    store,
    http,
    url,
    async [Symbol.asyncDispose]() {
      await http.close()
      await store.close()
    },
  }
}

async function tail(
  { url }: Pick<Instance, 'url'>,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<EventStream> {
  const stream = await openEventStream(`${url}/logs/stream${query}`, headers)
  opened.push(stream)
  if (stream.status === 200) await waitFor(() => stream.lastId !== undefined, { what: 'the stream says where it is' })
  return stream
}

const seqsOf = ({ events }: EventStream): readonly number[] =>
  events.map(({ data }) => (JSON.parse(data ?? '') as LogEntry).seq)

describe.each(KINDS)('GET /logs/stream, %s', (kind) => {
  beforeEach(async () => {
    database = await databases.make(kind)
  })

  test('logs as they are stored, those of before not; each as GET /logs has it', async () => {
    await using app = await start()
    await app.store.save(record(1), never)
    const stream = await tail(app)
    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    await app.store.save(record(2, { message: '서버실 온도\n경고', extra: 'where', requestId: 'r-1' }), never)
    await stream.count(1)
    const { logs } = (await (await fetch(`${app.url}/logs?limit=1`)).json()) as { logs: readonly unknown[] }
    expect(stream.events.map(({ data }) => JSON.parse(data ?? ''))).toEqual(logs)
    expect(logs[0]).toMatchObject({ seq: 2, requestId: 'r-1' })
  })

  test('the filters are those of GET /logs', async () => {
    await using app = await start()
    const byText = await tail(app, `?text=${encodeURIComponent('ΔΙΣΚΟΣ')}`)
    const byChannel = await tail(app, '?channel=alarm-to-bot')
    const byRequest = await tail(app, '?requestId=r-2')
    const byTime = await tail(app, `?from=${new Date(record(3).storedAt).toISOString()}`)
    await app.store.save(record(1, { message: 'δισκοσταθμη' }), never)
    await app.store.save(record(2, { requestId: 'r-2' }), never)
    await app.store.save(record(3, { channel: 'alarm-to-bot' }), never)
    await Promise.all([byText, byChannel, byRequest, byTime].map((stream) => stream.count(1)))
    expect([byText, byChannel, byRequest, byTime].map(seqsOf)).toEqual([[1], [3], [2], [3]])
    expect((await tail(app, '?order=asc')).status).toBe(400)
    expect((await tail(app, '?chanel=x')).status).toBe(400)
  })

  test('goes on after the last event that was seen, in the middle of what was stored together too', async () => {
    await using app = await start()
    const stream = await tail(app)
    const startId = stream.lastId ?? ''
    await Promise.all(Array.from({ length: 700 }, (_, seq) => app.store.save(record(seq), never)))
    await stream.count(700)
    expect(seqsOf(stream).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 700 }, (_, seq) => seq))
    for (const [index, id] of [
      [0, startId] as const,
      ...[1, 100, 300, 699].map((at) => [at, stream.events[at - 1]?.id ?? ''] as const),
    ]) {
      const again = await tail(app, '', { 'last-event-id': id })
      await again.count(700 - index)
      expect(seqsOf(again)).toEqual(seqsOf(stream).slice(index))
      again.close()
    }
    // After all of it, nothing comes twice.
    const last = await tail(app, '', { 'last-event-id': stream.lastId ?? '' })
    await app.store.save(record(1_000), never)
    await last.count(1)
    expect(seqsOf(last)).toEqual([1_000])
  })

  test('an app that starts again goes on where its readers were', async () => {
    const before = await start()
    const stream = await tail(before)
    await before.store.save(record(1), never)
    await stream.count(1)
    await before.store.save(record(2), never)
    await before[Symbol.asyncDispose]()
    await using app = await start()
    const again = await tail(app, '', { 'last-event-id': stream.events[0]?.id ?? '' })
    await again.count(1)
    expect(seqsOf(again)).toEqual([2])
  })

  test('what is not known any more is said, and an id that is none is refused', async () => {
    await using app = await start()
    for (let seq = 1; seq <= 4; seq++) await app.store.save(record(seq), never)
    await database.execute('delete from log_batches where no <= 2')
    const stream = await tail(app, '', { 'last-event-id': '1.0' })
    await stream.count(3)
    expect(stream.events.map(({ event }) => event)).toEqual(['missed', undefined, undefined])
    expect(stream.events.slice(1).map(({ data }) => (JSON.parse(data ?? '') as LogEntry).seq)).toEqual([3, 4])
    const other = await tail(app, '', { 'last-event-id': '900000.1' })
    await other.count(1)
    expect(other.events[0]?.event).toBe('missed')
    for (const id of ['x', '1', '1.2.3', '-1.0', '1.100000000', '01.1'])
      expect((await tail(app, '', { 'last-event-id': id })).status).toBe(400)
  })

  test('ends with the app', async () => {
    const app = await start()
    const stream = await tail(app)
    await app[Symbol.asyncDispose]()
    expect(await stream.end).toBe('ended')
  })

  test('a reader that is slow holds nothing up, and gets all of it once it reads', { timeout: 60_000 }, async () => {
    await using app = await start()
    const slow = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${app.url}/logs/stream`, { agent: false }, resolve).once('error', reject)
    })
    const fast = await tail(app)
    // More than the system buffers, and more than is kept in memory.
    const extra = 'x'.repeat(20_000)
    for (let start = 0; start < 1_000; start += 100)
      await Promise.all(Array.from({ length: 100 }, (_, at) => app.store.save(record(start + at, { extra }), never)))
    await fast.count(1_000)
    let text = ''
    slow.setEncoding('utf8').on('data', (part: string) => (text += part))
    await waitFor(() => text.split('"seq":').length > 1_000, { what: 'all of it', deadlineMs: 30_000 })
    const seqs = [...text.matchAll(/"seq":(\d+)/g)].map(([, seq]) => Number(seq))
    expect(seqs).toEqual(seqsOf(fast))
    slow.destroy()
  })

  test('streams are bounded, and shared out between readers', async () => {
    await using app = await start(TOKENS)
    const [first, second] = TOKENS.map((token) => ({ authorization: `Bearer ${token}` }))
    expect((await tail(app)).status).toBe(401)
    const streams = await Promise.all(Array.from({ length: 16 }, () => tail(app, '', first)))
    expect(streams.map(({ status }) => status)).toEqual(Array.from({ length: 16 }, () => 200))
    const refused = await tail(app, '', first)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2'])
    expect((await tail(app, '', second)).status).toBe(200)
    expect(await Promise.race(streams.map(({ end }) => end))).toBe('cut')
    // Pages have places of their own.
    expect((await fetch(`${app.url}/logs`, { headers: first ?? {} })).status).toBe(200)
  })
})

describe('several instances', () => {
  beforeEach(async () => {
    database = await databases.make('postgres')
  })

  test('a tail sees what another instance has stored', async () => {
    await using here = await start()
    await using there = await start()
    const stream = await tail(here)
    // It looks by itself, and does not wait until a reader asks again.
    const { last } = await here.store.tail.range()
    const noticed = here.store.tail.waitFor(last + 1, 600_000, never.signal)
    await there.store.save(record(1), never)
    await noticed
    await stream.count(1)
    expect(seqsOf(stream)).toEqual([1])
  })

  test('what is committed later comes later, though it was begun before and is older', async () => {
    await using here = await start()
    await using there = await start()
    // Whatever is slow waits within its transaction, its rows inserted, for as long as this lock is held.
    await database.execute(`create function wait() returns trigger language plpgsql as $$ begin
        if exists (select 1 from added where message like 'slow%') then perform pg_advisory_xact_lock(7); end if;
        return null; end $$;
      create trigger wait after insert on logs referencing new table as added for each statement execute function wait()`)
    const lock = database.open()
    const released = Promise.withResolvers<void>()
    const held = Promise.withResolvers<void>()
    const holding = lock.kysely.transaction().execute(async (transaction) => {
      await sql`select pg_advisory_xact_lock(7)`.execute(transaction)
      held.resolve()
      await released.promise
    })
    await held.promise
    const stream = await tail(here)
    const slow = there.store.save(record(1, { message: 'slow' }), never)
    await waitFor(
      async () =>
        (await database.query(`select 1 from pg_locks where locktype = 'advisory' and not granted`)).length > 0,
      { what: 'the slow one has inserted its row' },
    )
    await here.store.save(record(2), never)
    await stream.count(1)
    const seen = stream.events[0]?.id ?? ''
    released.resolve()
    await Promise.all([slow, holding])
    await stream.count(2)
    expect(seqsOf(stream)).toEqual([2, 1])
    const again = await tail(there, '', { 'last-event-id': seen })
    await again.count(1)
    expect(seqsOf(again)).toEqual([1])
    await lock.close()
  })

  test(
    'three that store side by side: each reader sees all of it once, in the same order',
    { timeout: 60_000 },
    async () => {
      await using one = await start()
      await using two = await start()
      await using three = await start()
      // Commits take their time, each another.
      await database.execute(`create function dawdle() returns trigger language plpgsql as $$ begin
        perform pg_sleep(random() * 0.02); return null; end $$;
      create trigger dawdle after insert on logs for each statement execute function dawdle()`)
      const streams = await Promise.all([one, two, three].map((app) => tail(app)))
      let seq = 0
      const work = async (app: Instance): Promise<void> => {
        while (seq < 1_500) await app.store.save(record(seq++), never)
      }
      await Promise.all([one, two, three].flatMap((app) => Array.from({ length: 20 }, () => work(app))))
      const count = seq
      await Promise.all(streams.map((stream) => stream.count(count)))
      await sleep(50)
      const [first, ...others] = streams.map(seqsOf)
      expect(first?.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index))
      for (const other of others) expect(other).toEqual(first)
    },
  )

  test(
    'a database that goes away and comes back: the stream goes on, and nothing is missed',
    { timeout: 60_000 },
    async () => {
      await using here = await start()
      await using there = await start()
      const stream = await tail(here)
      await there.store.save(record(1), never)
      await stream.count(1)
      await databases.postgres.kill()
      const saving = there.store.save(record(2), never)
      await waitFor(() => !here.store.check().ok, { what: 'it is noticed', deadlineMs: 30_000 })
      expect((await tail(here)).status).toBe(503)
      await databases.postgres.start()
      await saving
      await stream.count(2)
      expect(seqsOf(stream)).toEqual([1, 2])
    },
  )
})

describe.each(KINDS)('GET /logs/{stream}/{seq}, %s', (kind) => {
  beforeEach(async () => {
    database = await databases.make(kind)
  })

  test('one log, the newest where a stream was recreated; else 404', async () => {
    await using app = await start()
    await app.store.save(record(7, { requestId: 'r-7' }), never)
    await app.store.save(record(8, { stream: 'T' }), never)
    await app.store.save(
      record(7, { message: 'newer', storedAt: new Date(record(7).storedAt.getTime() + 5_000) }),
      never,
    )
    const ask = async (path: string) => {
      const response = await fetch(`${app.url}/logs/${path}`)
      return [response.status, await response.json()] as const
    }
    expect(await ask('S/7')).toEqual([200, expect.objectContaining({ stream: 'S', seq: 7, message: 'newer' })])
    expect(await ask('T/8')).toEqual([200, expect.objectContaining({ stream: 'T', seq: 8 })])
    for (const path of [
      'S/8',
      'T/7',
      'S/x',
      'S/-1',
      'S/1e3',
      'S/99999999999999999999',
      'S%00/7',
      `${'S'.repeat(90)}/7`,
    ]) {
      const [status, problem] = await ask(path)
      expect([path, status, (problem as { type: string }).type]).toEqual([
        path,
        404,
        'urn:alarm-bus:problem:no-such-log',
      ])
    }
    const { logs } = (await (await fetch(`${app.url}/logs?requestId=r-7`)).json()) as { logs: readonly LogEntry[] }
    expect(logs.map(({ message }) => message)).toEqual(['alarm 7'])
  })
})
