import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSqlite } from '../src/database/open-sqlite.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'log-consumer-rights-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const rightsOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)
const FILES = ['logs.sqlite', 'logs.sqlite-shm', 'logs.sqlite-wal']

test('the database and the files beside it are their owner’s alone', async () => {
  const path = join(folder, 'made', 'logs.sqlite')
  const { kysely, close } = openSqlite(path)
  await sql`create table t (a)`.execute(kysely)
  expect(rightsOf(join(folder, 'made'))).toBe('700')
  expect(readdirSync(join(folder, 'made')).toSorted()).toEqual(FILES)
  for (const file of FILES) expect([file, rightsOf(join(folder, 'made', file))]).toEqual([file, '600'])
  await close()
})

test('so are those that were there with wider rights, with what is in them', async () => {
  const path = join(folder, 'logs.sqlite')
  const before = new DatabaseSync(path)
  before.exec('pragma journal_mode = wal; create table t (a); insert into t values (17)')
  for (const file of FILES) chmodSync(join(folder, file), 0o666)
  const { kysely, close } = openSqlite(path)
  const { rows } = await sql<{ a: number }>`select a from t`.execute(kysely)
  expect(rows).toEqual([{ a: 17 }])
  for (const file of FILES) expect([file, rightsOf(join(folder, file))]).toEqual([file, '600'])
  await close()
  before.close()
})
