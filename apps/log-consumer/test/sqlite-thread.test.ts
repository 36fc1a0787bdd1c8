import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Kysely, sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../src/database/database.ts'
import { isRowFault } from '../src/database/is-row-fault.ts'
import { sqliteThread } from '../src/database/sqlite-thread.ts'
import { makeSqlite } from './support/databases.ts'

const LONG = sql`with recursive n(g) as (select 1 union all select g + 1 from n where g < 1000000) select sum(g) as sum from n`

const made = makeSqlite()
let database: Database
beforeAll(async () => {
  database = made.open()
  await sql`create table t (id integer primary key, text text not null)`.execute(database.kysely)
})
afterAll(async () => {
  await database.close()
  await made[Symbol.asyncDispose]()
})

test('while SQLite works, the event loop has its turns, with four searches at once too', async () => {
  let turns = 0
  let isUnderWay = true
  const others = (async () => {
    for (; isUnderWay; turns++) await nextTurn()
  })()
  const results = await Promise.all(Array.from({ length: 4 }, () => LONG.execute(database.kysely)))
  isUnderWay = false
  await others
  expect(results.map(({ rows }) => rows)).toEqual(Array.from({ length: 4 }, () => [{ sum: 500_000_500_000 }]))
  expect(turns).toBeGreaterThan(100)
})

test('errors come through as they are: of a row, and of the database', async () => {
  await sql`insert into t (id, text) values (1, 'a')`.execute(database.kysely)
  const broken = async (statement: ReturnType<typeof sql>): Promise<unknown> =>
    statement.execute(database.kysely).then(
      () => undefined,
      (error: unknown) => error,
    )
  const constraint = await broken(sql`insert into t (id, text) values (1, 'b')`)
  expect(constraint).toMatchObject({ code: 'ERR_SQLITE_ERROR', errcode: 1555 })
  expect((constraint as Error).message).toContain('UNIQUE constraint failed')
  expect(isRowFault(constraint)).toBe(true)
  const missing = await broken(sql`select * from nowhere`)
  expect((missing as Error).message).toContain('no such table')
  expect(isRowFault(missing)).toBe(false)
})

test('a transaction is its own: what comes meanwhile waits, and a failed one leaves nothing', async () => {
  const transaction = database.kysely.transaction().execute(async (inside) => {
    await sql`insert into t (id, text) values (2, 'a')`.execute(inside)
    await nextTurn()
    throw new Error('given up')
  })
  const seen = sql<{ count: number }>`select count(*) as count from t where id = 2`.execute(database.kysely)
  await expect(transaction).rejects.toThrow('given up')
  expect((await seen).rows).toEqual([{ count: 0 }])
})

test('what is asked for while it closes is an error, and it closes', async () => {
  const other = made.open()
  const asked = LONG.execute(other.kysely).then(
    () => 'answered',
    () => 'refused',
  )
  await other.close()
  expect(['answered', 'refused']).toContain(await asked)
})

test('a thread that ends fails what it was asked, and the next statement has another', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'log-consumer-thread-'))
  const path = join(folder, 'later', 'logs.sqlite')
  const kysely = new Kysely({ dialect: sqliteThread({ path, timeoutMs: 200, pragmas: [] }) })
  try {
    await expect(sql`select 1`.execute(kysely)).rejects.toThrow('the thread of SQLite ended: unable to open')
    mkdirSync(join(folder, 'later'))
    expect((await sql`select 1 as one`.execute(kysely)).rows).toEqual([{ one: 1 }])
  } finally {
    await kysely.destroy()
    rmSync(folder, { recursive: true })
  }
})
