import { parseArgs } from 'node:util'
import { ProgressLine } from '../report/progress.ts'
import { DATABASE_KINDS, databaseAt, type DatabaseKind } from './databases.ts'
import { ingestTable, runIngest } from './run-ingest.ts'
import { runSearch, searchTable } from './run-search.ts'

const HELP = `pnpm bench logs [--rows 200000] [--database sqlite|postgres]
pnpm bench logs --filled <path or address> --rows <how many it holds>
pnpm bench logs --against <checkout> [--rows 50000] [--database sqlite|postgres]

Fills a database with logs in Korean and English and asks log-consumer for its first page; 10 million take 5 GB and some
ten minutes.
With --filled it asks a database that was filled in before. With --against it stores alarms from the broker with log-consumer as it is here and as it is in another checkout, in turns.
`

/** The logs' part of `pnpm bench`. */
export async function benchLogs(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string' },
      database: { type: 'string' },
      against: { type: 'string' },
      filled: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  const kinds =
    values.database === undefined ? DATABASE_KINDS : DATABASE_KINDS.filter((kind) => kind === values.database)
  if (kinds.length === 0)
    throw new Error(`unknown database ${values.database}; expected one of: ${DATABASE_KINDS.join(', ')}`)
  const rows = Number(values.rows ?? (values.against === undefined ? 200_000 : 50_000))
  if (!Number.isSafeInteger(rows) || rows < 1)
    throw new Error(`--rows must be a whole number from 1, not ${values.rows}`)
  const progress = new ProgressLine()
  if (values.filled !== undefined) {
    const { kind, database } = databaseAt(values.filled)
    const figures = await runSearch({ kind, rows, filled: database, onProgress: progress.show })
    progress.clear()
    return void process.stdout.write(`${searchTable(figures)}\n`)
  }
  for (const kind of kinds) {
    const table = await tableFor(kind, rows, values.against, progress.show)
    progress.clear()
    process.stdout.write(`${table}\n`)
  }
}

async function tableFor(
  kind: DatabaseKind,
  rows: number,
  against: string | undefined,
  onProgress: (what: string) => void,
): Promise<string> {
  if (against === undefined) return searchTable(await runSearch({ kind, rows, filled: undefined, onProgress }))
  return ingestTable(await runIngest({ kind, rows, against, onProgress }))
}
