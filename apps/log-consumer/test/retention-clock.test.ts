import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { Retention } from '../src/store/retention.ts'
import { StoreUnavailable } from '../src/store/store-unavailable.ts'
import { KINDS, startDatabases, type TestDatabase, type TestDatabases } from './support/databases.ts'
import { DAY_MS, never, openStore as open, record, unlimited } from './support/records.ts'

let databases: TestDatabases
beforeAll(async () => {
  databases = await startDatabases()
})
afterAll(() => databases[Symbol.asyncDispose]())
afterEach(() => vi.restoreAllMocks())

describe.each(KINDS)('retention of one day, %s', (kind) => {
  /** A database with a log of each age, in hours, and what one round of retention makes of it. */
  async function afterRound(agesHours: readonly number[], clockAheadMs = 0) {
    const database: TestDatabase = await databases.make(kind)
    const store = await open(database)
    const now = Date.now()
    const hour = DAY_MS / 24
    for (const [seq, age] of agesHours.entries())
      await store.save(record(seq, { storedAt: new Date(now - age * hour) }), never)
    const logs = collectLogs()
    const retention = new Retention(() => store.database(), { ...unlimited, maxAgeMs: DAY_MS }, logs)
    vi.spyOn(Date, 'now').mockReturnValue(now + clockAheadMs)
    await retention.round()
    await retention.round()
    const rows = await database.query<{ seq: unknown }>('select seq from logs order by seq')
    vi.restoreAllMocks()
    await store.close()
    const lines = logs.lines.map(({ level, fields }) => [level, fields['event']])
    return { left: rows.map(({ seq }) => agesHours[Number(seq)]), lines, logs }
  }

  test('the clock is 25 h ahead: nothing goes that is not a day older than the newest, and that is said once', async () => {
    const { left, lines, logs } = await afterRound([30, 24.5, 5, 1, 0], 25 * (DAY_MS / 24))
    expect(left).toEqual([5, 1, 0])
    expect(lines).toEqual([
      ['warn', 'retentionHeld'],
      ['info', 'logsRemoved'],
    ])
    expect(logs.lines[0]?.fields).toMatchObject({ aheadMs: 25 * (DAY_MS / 24) })
  })

  test('nothing has come for two days: what is not a day older than the last stays', async () => {
    const { left, lines } = await afterRound([80, 71, 50, 48])
    expect(left).toEqual([71, 50, 48])
    expect(lines).toContainEqual(['warn', 'retentionHeld'])
  })

  test('the newest is from a clock that was ahead: the app’s own clock counts', async () => {
    const { left, lines } = await afterRound([30, 5, -48])
    expect(left).toEqual([5, -48])
    expect(lines).toEqual([['info', 'logsRemoved']])
  })

  test('a quiet hour is nothing to speak of', async () => {
    const { left, lines } = await afterRound([26, 23, 1])
    expect(left).toEqual([23, 1])
    expect(lines).toEqual([['info', 'logsRemoved']])
  })

  test('nothing is stored: nothing is removed', async () => {
    expect(await afterRound([], 25 * (DAY_MS / 24))).toMatchObject({ left: [], lines: [] })
  })
})

test('what is held goes once something newer has come', async () => {
  const database = await databases.make('sqlite')
  const store = await open(database, { ...unlimited, maxAgeMs: DAY_MS })
  const now = Date.now()
  await store.save(record(1, { storedAt: new Date(now - 3 * DAY_MS) }), never)
  const retention = new Retention(() => store.database(), { ...unlimited, maxAgeMs: DAY_MS }, collectLogs())
  await retention.round()
  expect(await database.query('select seq from logs')).toHaveLength(1)
  await store.save(record(2, { storedAt: new Date(now) }), never)
  await retention.round()
  await waitFor(async () => (await database.query('select seq from logs')).length === 1, {
    what: 'the old one is gone',
  })
  await store.close()
})

test('a database that is not open yet is no failure of the retention', async () => {
  const logs = collectLogs()
  let asked = 0
  const retention = new Retention(
    () => {
      asked++
      throw new StoreUnavailable('the database cannot be used: not opened yet')
    },
    { ...unlimited, maxAgeMs: DAY_MS },
    logs,
  )
  retention.start()
  await waitFor(() => asked > 0)
  await retention.stop()
  expect(logs.lines).toEqual([])
})
