import { afterAll, beforeAll, expect, test } from 'vitest'
import { KINDS, startDatabases, type TestDatabases } from './support/databases.ts'
import { killRun } from './support/kill-run.ts'

let databases: TestDatabases
beforeAll(async () => {
  databases = await startDatabases()
})
afterAll(() => databases[Symbol.asyncDispose]())

// The same for a minute: pnpm test:kills --minutes 1
test.each(KINDS)(
  '%s: killed at random under load, every acknowledged message has one row',
  { timeout: 120_000 },
  async (kind) => {
    const database = await databases.make(kind)
    const report = await killRun({ database, forMs: 6_000, leastKills: 4, rate: 300, leastLifeMs: 400 })
    expect(report).toMatchObject({ rows: report.acked, twice: 0, missing: 0, deadLetters: 0 })
    expect(report.kills).toBeGreaterThanOrEqual(4)
    expect(report.acked).toBeGreaterThan(500)
  },
)
