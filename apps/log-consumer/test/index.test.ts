import { waitFor } from '@alarm-bus/nats-kit/testing'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stateOf } from '../src/index/log-index.ts'
import { readPage } from '../src/query/read-page.ts'
import type { LogStore } from '../src/store/log-store.ts'
import { type Kind, KINDS, startDatabases, type TestDatabase, type TestDatabases } from './support/databases.ts'
import { migrateAround } from './support/old-rows.ts'
import { DAY_MS, never, openStore, record, unlimited } from './support/records.ts'

/** Three segments and a bit. */
const OLD_ROWS = 50_000
const DEADLINE = { deadlineMs: 60_000, everyMs: 5 }

let databases: TestDatabases
beforeAll(async () => {
  databases = await startDatabases()
})
afterAll(() => databases[Symbol.asyncDispose]())

/** A database as version 0.0.0 has left it: of every thousand rows one has the text that is looked for. */
async function makeOld(kind: Kind): Promise<TestDatabase> {
  const made = await databases.make(kind)
  const rows =
    kind === 'postgres'
      ? `from generate_series(1, ${OLD_ROWS}) g`
      : `from (with recursive n(g) as (select 1 union all select g + 1 from n where g < ${OLD_ROWS}) select g from n)`
  const text = `case when g % 1000 = 5 then '서버실 온도' else 'hay ' || g end`
  const database = made.open()
  await migrateAround(database, async () => {
    await made.execute(`insert into logs (stored_at_ms, stream, seq, channel, message, search, bytes)
      select g, 'S', g, 'alarm-to-log', ${text}, ${text}, 100 ${rows}`)
    await made.execute(`update log_usage set bytes = ${OLD_ROWS * 100}, entries = ${OLD_ROWS}`)
  })
  await database.close()
  return made
}

const found = async (store: LogStore, text: string): Promise<number> => {
  const seqs = new Set<number>()
  let after: { readonly stored_at_ms: number; readonly stream: string; readonly seq: number } | undefined
  do {
    const { logs, next } = await readPage(
      store.database(),
      { order: 'desc', text, ...(after && { after }) },
      1_000,
      never.signal,
    )
    for (const { seq } of logs) seqs.add(seq)
    const [, stored_at_ms = 0, stream = '', seq = 0] =
      next === null ? [] : (JSON.parse(Buffer.from(next, 'base64url').toString()) as [string, number, string, number])
    after = next === null ? undefined : { stored_at_ms, stream, seq }
  } while (after)
  return seqs.size
}

describe.each(KINDS)('%s', (kind) => {
  const segmentsOf = async (database: TestDatabase) =>
    (await database.query<{ entries: unknown }>('select entries from log_segments')).map(({ entries }) =>
      Number(entries),
    )
  const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

  test(
    'logs of an older version are indexed while the app serves, from where it stopped; searches are right all the while',
    { timeout: 120_000 },
    async () => {
      const database = await makeOld(kind)
      let store = await openStore(database)
      await waitFor(async () => (await segmentsOf(database)).length > 0, { what: 'the first segment', ...DEADLINE })
      await store.close()
      const before = await segmentsOf(database)
      expect(sum(before)).toBeLessThan(OLD_ROWS)
      store = await openStore(database)
      let saved = 0
      const isOver = async () => (await stateOf(store.database().kysely)).unindexed === undefined
      do {
        await store.save(record(OLD_ROWS + ++saved, { message: '서버실 정전' }), never)
        expect(await found(store, '서버실')).toBe(OLD_ROWS / 1_000 + saved)
      } while (!(await isOver()))
      const after = await segmentsOf(database)
      expect(after.slice(0, before.length)).toEqual(before)
      expect(sum(after)).toBe(OLD_ROWS)
      expect(await found(store, '서버실')).toBe(OLD_ROWS / 1_000 + saved)
      expect(await found(store, '온도')).toBe(OLD_ROWS / 1_000)
      expect(await found(store, '정전')).toBe(saved)
      await store.close()
    },
  )

  test('instances that index at the same time index each row once', { timeout: 120_000 }, async () => {
    const database = await makeOld(kind)
    // Several processes with one file are the exception: there one may wait for the other for too long, and tries again.
    const stores = await Promise.all([openStore(database), openStore(database)])
    const [store] = stores as [LogStore, LogStore]
    await waitFor(() => stores.every((one) => one.check().ok), { what: 'both are ready', ...DEADLINE })
    await waitFor(async () => (await stateOf(store.database().kysely)).unindexed === undefined, {
      what: 'all is indexed',
      ...DEADLINE,
    })
    expect(sum(await segmentsOf(database))).toBe(OLD_ROWS)
    expect(await found(store, '서버실')).toBe(OLD_ROWS / 1_000)
    await Promise.all(stores.map((one) => one.close()))
  })

  test('an older version that still runs stores nothing past the index', async () => {
    const database = await databases.make(kind)
    const store = await openStore(database)
    // As 0.0.0 does it.
    const saving = store
      .database()
      .kysely.transaction()
      .execute(async (transaction) => {
        await sql`insert into logs (stored_at_ms, stream, seq, channel, message, search, bytes)
        values (1, 'S', 1, 'c', 'm', 'm', 100)`.execute(transaction)
        await sql`update log_usage set bytes = bytes + 100, entries = entries + 1`.execute(transaction)
      })
    await expect(saving).rejects.toThrow(/log_usage/)
    expect(await database.query('select seq from logs')).toEqual([])
    await store.close()
  })

  test('what retention removes is found no more, and its index goes', { timeout: 120_000 }, async () => {
    const database = await makeOld(kind)
    const filling = await openStore(database)
    await waitFor(async () => (await stateOf(filling.database().kysely)).unindexed === undefined, {
      what: 'all is indexed',
      ...DEADLINE,
    })
    const now = Date.now()
    await filling.save(record(1, { message: '서버실 새것', storedAt: new Date(now) }), never)
    await filling.close()
    const store = await openStore(database, { ...unlimited, maxAgeMs: 7 * DAY_MS })
    await waitFor(async () => (await found(store, '서버실')) === 1, { what: 'the old ones are gone', ...DEADLINE })
    const parts = async () =>
      Number((await database.query<{ n: unknown }>('select count(*) as n from log_index'))[0]?.n)
    await waitFor(async () => (await segmentsOf(database)).length === 0 && (await parts()) === 0, {
      what: 'their index is gone',
      ...DEADLINE,
    })
    await store.close()
  })
})
