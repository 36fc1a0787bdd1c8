import { waitFor } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KINDS, startDatabases, type TestDatabase, type TestDatabases } from './support/databases.ts'
import { DAY_MS, never, openStore as open, record, unlimited } from './support/records.ts'

let databases: TestDatabases
beforeAll(async () => {
  databases = await startDatabases()
})
afterAll(() => databases[Symbol.asyncDispose]())

async function rowsOf(database: TestDatabase): Promise<readonly Record<string, unknown>[]> {
  return database.query('select * from logs order by stored_at_ms, stream, seq')
}

describe.each(KINDS)('%s', (kind) => {
  test('each alarm is stored once, however often it is delivered, in one batch or in several', async () => {
    const database = await databases.make(kind)
    const store = await open(database)
    await Promise.all([1, 2, 2, 3, 1].map((seq) => store.save(record(seq), never)))
    await store.save(record(2, { deliveryCount: 2 }), never)
    const rows = await rowsOf(database)
    expect(rows.map(({ seq }) => Number(seq))).toEqual([1, 2, 3])
    await store.close()
  })

  test('a recreated stream counts from 1 again: its messages are others', async () => {
    const database = await databases.make(kind)
    const store = await open(database)
    await store.save(record(1, { message: 'of the old stream', storedAt: new Date(1_700_000_000_000) }), never)
    await store.save(record(1, { message: 'of the new one', storedAt: new Date(1_800_000_000_000) }), never)
    await store.save(record(1, { stream: 'OTHER' }), never)
    expect((await rowsOf(database)).map(({ message }) => message)).toEqual([
      'of the old stream',
      'alarm 1',
      'of the new one',
    ])
    await store.close()
  })

  test('two instances that store the same alarms at once store each once', async () => {
    const database = await databases.make(kind)
    const stores = [await open(database), await open(database)]
    const seqs = Array.from({ length: 500 }, (_, index) => index)
    await Promise.all(
      stores.flatMap((store, index) =>
        (index === 0 ? seqs : seqs.toReversed()).map((seq) => store.save(record(seq), never)),
      ),
    )
    expect(await rowsOf(database)).toHaveLength(500)
    const [usage] = await database.query<{ entries: unknown; bytes: unknown }>('select * from log_state')
    const [sum] = await database.query<{ bytes: unknown }>('select sum(bytes) as bytes from logs')
    expect(Number(usage?.entries)).toBe(500)
    expect(Number(usage?.bytes)).toBe(Number(sum?.bytes))
    await Promise.all(stores.map((store) => store.close()))
  })

  test('a row that the database refuses rejects alone; its neighbours are stored', async () => {
    const database = await databases.make(kind)
    const store = await open(database)
    await database.execute(
      kind === 'sqlite'
        ? `create trigger refuse before insert on logs when new.message = 'poison' begin select raise(abort, 'poisoned'); end`
        : `create function refuse() returns trigger language plpgsql as $$ begin
             if new.message = 'poison' then raise exception 'poisoned'; end if; return new; end $$;
           create trigger refuse before insert on logs for each row execute function refuse()`,
    )
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, seq) =>
        store.save(record(seq, seq % 17 === 3 ? { message: 'poison' } : {}), never),
      ),
    )
    const refused = results.flatMap((result, seq) => (result.status === 'rejected' ? [seq] : []))
    expect(refused).toEqual([3, 20, 37])
    expect(String((results[3] as PromiseRejectedResult).reason)).toContain('poisoned')
    expect(await rowsOf(database)).toHaveLength(37)
    expect(store.check().ok).toBe(true)
    await store.close()
  })

  test('a newer version has changed the tables: it refuses to open, and touches nothing', async () => {
    const database = await databases.make(kind)
    await (await open(database)).close()
    await database.execute(`insert into log_migration (name, timestamp) values ('999-later', 'now')`)
    await expect(open(database)).rejects.toThrow(/newer version.*999-later/)
    expect(await database.query('select name from log_migration order by name')).toEqual([
      { name: '001-logs' },
      { name: '002-index' },
      { name: '999-later' },
    ])
  })

  test('instances that start together change the tables once', async () => {
    const database = await databases.make(kind)
    const stores = await Promise.all([open(database), open(database), open(database)])
    await waitFor(() => stores.every((store) => store.check().ok), { what: 'all three are ready' })
    expect(await database.query('select name from log_migration')).toEqual([
      { name: '001-logs' },
      { name: '002-index' },
    ])
    await Promise.all(stores.map((store) => store.close()))
  })

  test('past the age limit the oldest goes, whatever else is stored', async () => {
    const database = await databases.make(kind)
    const filling = await open(database)
    const now = Date.now()
    await Promise.all(
      Array.from({ length: 2_500 }, (_, seq) =>
        filling.save(record(seq, { storedAt: new Date(now - (seq < 2_100 ? 9 : 2) * DAY_MS + seq) }), never),
      ),
    )
    await filling.close()
    const store = await open(database, { ...unlimited, maxAgeMs: 7 * DAY_MS })
    // It serves meanwhile.
    await store.save(record(9_999, { storedAt: new Date(now) }), never)
    const count = async () => Number((await database.query<{ n: unknown }>('select count(*) as n from logs'))[0]?.n)
    await waitFor(async () => (await count()) === 401, { what: 'the old ones are gone' })
    const [usage] = await database.query<{ entries: unknown }>('select * from log_state')
    expect(Number(usage?.entries)).toBe(401)
    await store.close()
  })

  test('past the size limit the oldest goes, and no more than that', async () => {
    const database = await databases.make(kind)
    const filling = await open(database)
    const message = '가'.repeat(1_000)
    await Promise.all(Array.from({ length: 3_000 }, (_, seq) => filling.save(record(seq, { message }), never)))
    await filling.close()
    const maxBytes = 5_000_000
    const store = await open(database, { ...unlimited, maxBytes })
    const bytes = async () =>
      Number((await database.query<{ bytes: unknown }>('select sum(bytes) as bytes from logs'))[0]?.bytes)
    await waitFor(async () => (await bytes()) <= maxBytes, { what: 'it is within the limit' })
    expect(await bytes()).toBeGreaterThan(maxBytes * 0.95)
    const seqs = (await rowsOf(database)).map(({ seq }) => Number(seq))
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => 3_000 - seqs.length + index))
    if (kind === 'sqlite') {
      // The file has shrunk too: 3,000 of them took 18 MB.
      const size = async () =>
        Number(
          (
            await database.query<{ n: number }>(
              'select page_count * page_size as n from pragma_page_count(), pragma_page_size()',
            )
          )[0]?.n,
        )
      await waitFor(async () => (await size()) < maxBytes * 1.3, { what: 'the file has shrunk' })
    }
    await store.close()
  })
})
