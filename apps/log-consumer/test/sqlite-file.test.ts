import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { openSqlite } from '../src/database/open-sqlite.ts'
import { type LogStore, openLogStore } from '../src/store/log-store.ts'
import { never, record, unlimited } from './support/records.ts'

const folder = mkdtempSync(join(tmpdir(), 'log-consumer-file-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
async function openStore() {
  const path = join(folder, `${++files}.sqlite`)
  const logs = collectLogs()
  const store = await openLogStore({ database: openSqlite(path), logger: logs, limits: unlimited, maxQueued: 10_000 })
  const said = (event: string) =>
    logs.lines.filter(({ fields }) => fields['event'] === event).map(({ fields }) => fields)
  return { path, store, said }
}

/** Pages that the file may have, for the connection that the store uses. */
const allowPages = (store: LogStore, pages: number) =>
  sql`pragma max_page_count = ${sql.lit(pages)}`.execute(store.database().kysely)

test('the disk is full: said as that, in the log and in the check, once; with room again, all are stored', async () => {
  const { store, said } = await openStore()
  await store.save(record(0), never)
  await allowPages(store, 1)
  const message = 'x'.repeat(10_000)
  const saving = Promise.all(Array.from({ length: 20 }, (_, seq) => store.save(record(seq + 1, { message }), never)))
  await waitFor(() => !store.check().ok, { what: 'not ready' })
  expect(store.check().detail).toContain('disk is full')
  await allowPages(store, 1_000_000)
  await saving
  await waitFor(() => store.check().ok, { what: 'ready again' })
  expect(said('storeNotReady').map(({ error }) => error)).toEqual([expect.stringContaining('disk is full')])
  expect(said('logStored')).toHaveLength(21)
  await store.close()
})

test('where SQLite rolls back by itself, as for want of space, what made it do so is said', async () => {
  const { store } = await openStore()
  const { kysely } = store.database()
  await sql`create trigger refuse before insert on logs begin select raise(rollback, 'no space is left'); end`.execute(
    kysely,
  )
  await expect(store.save(record(1), never)).rejects.toThrow('no space is left')
  await sql`drop trigger refuse`.execute(kysely)
  await store.save(record(1), never)
  await store.close()
})

test.each([
  ['the file', ''],
  ['its write-ahead log', '-wal'],
])(
  '%s is moved: not ready, and nothing is taken that a restart would not find; put back, it goes on',
  async (_what, suffix) => {
    const { path, store, said } = await openStore()
    await store.save(record(0), never)
    renameSync(path + suffix, `${path}.elsewhere`)
    let isSaved = false
    const saving = store.save(record(1), never).then(() => (isSaved = true))
    await waitFor(() => !store.check().ok, { what: 'not ready' })
    expect(store.check().detail).toContain(`${path}${suffix}`)
    expect(said('storeNotReady')).toHaveLength(1)
    expect([isSaved, said('logStored').length]).toEqual([false, 1])
    renameSync(`${path}.elsewhere`, path + suffix)
    await saving
    await waitFor(() => store.check().ok, { what: 'ready again' })
    await store.close()
  },
)

test('another file stands at its path, and no alarm comes: not ready', { timeout: 20_000 }, async () => {
  const { path, store } = await openStore()
  renameSync(path, `${path}.elsewhere`)
  const other = openSqlite(path)
  await waitFor(() => !store.check().ok, { what: 'not ready', deadlineMs: 15_000 })
  expect(store.check().detail).toContain('another file')
  await store.close()
  await other.close()
})
