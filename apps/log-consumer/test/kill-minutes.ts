import { parseArgs } from 'node:util'
import { KINDS, startDatabases } from './support/databases.ts'
import { killRun } from './support/kill-run.ts'

/** The kill test for as long as one likes, on both databases: `--minutes 1`, and `--rate 500` for messages a second. */
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '1' }, rate: { type: 'string', default: '500' } },
})
const forMs = Number(values.minutes) * 60_000
await using databases = await startDatabases()
for (const kind of KINDS) {
  const database = await databases.make(kind)
  const report = await killRun({ database, forMs, rate: Number(values.rate), leastLifeMs: 500 })
  console.log(kind.padEnd(9), JSON.stringify(report))
  if (report.rows !== report.acked || report.twice > 0 || report.missing > 0 || report.deadLetters > 0)
    process.exitCode = 1
}
