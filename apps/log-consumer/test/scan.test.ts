import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../src/database/database.ts'
import { decodeCursor } from '../src/query/cursor.ts'
import { readPage } from '../src/query/read-page.ts'
import { scanLogs } from '../src/query/scan-logs.ts'
import { KINDS, startDatabases, type TestDatabases } from './support/databases.ts'
import { migrateAround } from './support/old-rows.ts'
import { never } from './support/records.ts'

const ROWS = 230_000

let databases: TestDatabases
beforeAll(async () => {
  databases = await startDatabases()
})
afterAll(() => databases[Symbol.asyncDispose]())

describe.each(KINDS)('many logs, %s', (kind) => {
  let database: Database
  beforeAll(async () => {
    const made = await databases.make(kind)
    database = made.open()
    const rows =
      kind === 'postgres'
        ? `select g, 'S', g, 'c', 'm', case when g % 100000 = 5 then 'a ¶ b' else 'hay' end, 100 from generate_series(1, ${ROWS}) g`
        : `with recursive n(g) as (select 1 union all select g + 1 from n where g < ${ROWS})
           select g, 'S', g, 'c', 'm', case when g % 100000 = 5 then 'a ¶ b' else 'hay' end, 100 from n`
    const columns = 'stored_at_ms, stream, seq, channel, message, search, bytes'
    await migrateAround(database, async () => {
      await made.execute(`insert into logs (${columns}) ${rows}`)
      await made.execute(`insert into logs (${columns}) values (${ROWS + 1}, 'S', 1, 'c', 'ΔΙΣΚΟΣ', 'δισκος', 100)`)
    })
  })
  afterAll(() => database.close())

  test('a search for one rare letter looks at 100,000 rows a page, and goes on where it stopped', async () => {
    const found: number[] = []
    let after: ReturnType<typeof decodeCursor>
    let pages = 0
    do {
      const scan = { order: 'asc', text: '¶', ...(after && { after: after.key }) } as const
      const { logs, next } = await readPage(database, scan, 100, never.signal)
      found.push(...logs.map(({ seq }) => seq))
      pages++
      after = next === null ? undefined : decodeCursor(next)
      expect(after?.key.seq ?? 0).toBeLessThanOrEqual(pages * 100_000)
    } while (after)
    expect(found).toEqual([5, 100_005, 200_005])
    expect(pages).toBeGreaterThanOrEqual(3)
  })

  test('what was stored in lower case is found in lower case', async () => {
    const { logs } = await readPage(database, { order: 'desc', text: 'ΔΙΣΚΟΣ' }, 1, never.signal)
    expect(logs).toHaveLength(1)
  })

  test('between two steps the event loop has its turn, and an aborted signal ends the scan', async () => {
    const abort = new AbortController()
    let steps = 0
    let turns = 0
    const count = (): void => {
      turns++
      if (!abort.signal.aborted) setImmediate(count)
    }
    setImmediate(count)
    const scan = async () => {
      for await (const _step of scanLogs(database, { order: 'desc', text: 'nowhere' }, abort.signal)) {
        if (++steps === 40) abort.abort(new Error('nobody reads'))
      }
    }
    await expect(scan()).rejects.toThrow('nobody reads')
    expect(steps).toBe(40)
    expect(turns).toBeGreaterThanOrEqual(39)
  })
})
