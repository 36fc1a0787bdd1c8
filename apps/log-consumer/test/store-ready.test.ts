import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exercise } from '../src/store/exercise.ts'
import { refuseWrites } from './support/refuse-writes.ts'
import { KINDS, startDatabases, type TestDatabases } from './support/databases.ts'
import { never, openStore as open, record, unlimited } from './support/records.ts'

let databases: TestDatabases
beforeAll(async () => {
  databases = await startDatabases()
})
afterAll(() => databases[Symbol.asyncDispose]())

describe('writes fail while reads go on: not ready until they are possible again, said once', () => {
  test.each([
    ['all of them', 'true', '53100'],
    ['only what waits', `new.message like 'alarm%'`, '53100'],
    ['for want of a grant', 'true', '42501'],
  ])('%s', { timeout: 40_000 }, async (_what, when, errcode) => {
    const database = await databases.make('postgres')
    const logs = collectLogs()
    const store = await open(database, unlimited, logs)
    const events = (name: string) => logs.lines.filter(({ fields }) => fields['event'] === name)
    const refusal = await refuseWrites(database, { when, errcode })
    const saving = store.save(record(1), never)
    await waitFor(() => !store.check().ok, { what: 'not ready' })
    const ready: string[] = []
    const watch = setInterval(() => store.check().ok && ready.push('ready'), 5)
    await waitFor(async () => (await refusal.attempts()) >= 10, { what: 'tried ten times', deadlineMs: 30_000 })
    clearInterval(watch)
    expect(ready).toEqual([])
    expect(events('storeNotReady')).toHaveLength(1)
    await refusal.end()
    await saving
    await waitFor(() => store.check().ok, { what: 'ready again' })
    await store.close()
  })
})

test('the same while no alarm comes: what it would need is tried', { timeout: 60_000 }, async () => {
  const database = await databases.make('postgres')
  const logs = collectLogs()
  const store = await open(database, unlimited, logs)
  const refusal = await refuseWrites(database, { when: 'true', errcode: '25006' })
  await waitFor(async () => (await refusal.attempts()) >= 4, { what: 'tried four times', deadlineMs: 40_000 })
  expect(store.check()).toMatchObject({ ok: false, detail: expect.stringContaining('No space left on device') })
  expect(logs.lines.filter(({ fields }) => fields['event'] === 'storeNotReady')).toHaveLength(1)
  await refusal.end()
  await waitFor(() => store.check().ok, { what: 'ready again', deadlineMs: 20_000 })
  await store.close()
})

describe.each(KINDS)('%s', (kind) => {
  test('a look at an idle database leaves no trace that a reader could see', { timeout: 20_000 }, async () => {
    const database = await databases.make(kind)
    const store = await open(database)
    await store.save(record(1), never)
    const before = await database.query('select bytes, entries from log_state')
    await exercise(store.database().kysely)
    expect(await database.query('select bytes, entries from log_state')).toEqual(before)
    expect(await database.query('select seq from logs')).toHaveLength(1)
    await store.close()
  })
})
