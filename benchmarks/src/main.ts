import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type HttpScale, httpTable, runHttp } from './http/run-http.ts'
import { type IdleScale, idleTable, runIdle } from './idle/run-idle.ts'
import { benchLogs } from './logs/main.ts'
import { othersCores } from './report/figures.ts'
import { ProgressLine } from './report/progress.ts'
import { RESULTS_FILE, writeResults } from './report/results-file.ts'
import { tableOf, verdictText } from './report/table.ts'
import { againstBefore } from './rows/against.ts'
import { ALL_ROWS, selectRows } from './rows/all-rows.ts'
import { WORKER } from './run/contender-process.ts'
import { inAccounts } from './rows/in-accounts.ts'
import { runBenchmark } from './run/run-benchmark.ts'
import { SCALES } from './run/scale.ts'

const PROFILES = fileURLToPath(new URL('../profiles', import.meta.url))

/** What the system itself needs is below this. */
const QUIET_CORES = 0.15

/** A run of its own beside the rows: it measures the producer's API and not the kit. */
const HTTP = 'http'
const HTTP_SCALES: Readonly<Record<'quick' | 'full', HttpScale>> = {
  full: { rounds: 5, warmUpRequests: 100_000, roundSeconds: 8 },
  quick: { rounds: 5, warmUpRequests: 50_000, roundSeconds: 2 },
}

/** Another: it counts what an app asks of the broker while nothing happens. */
const IDLE = 'idle'
const IDLE_SCALES: Readonly<Record<'quick' | 'full', IdleScale>> = {
  full: { settleSeconds: 60, seconds: 120 },
  quick: { settleSeconds: 45, seconds: 40 },
}

const HELP = `pnpm bench [--quick] [--profile] [row …]
pnpm bench --accounts [--quick] [--profile] [row …]
pnpm bench --against <checkout> [--quick] [--profile] [row …]
pnpm bench http [--accounts] [--against <checkout>] [--quick] [--profile]
pnpm bench idle [--quick]
pnpm bench logs --help

Measures the kit beside the raw client and beside its peers, and with http the producer's API beside bare Fastify and
beside the raw client behind Fastify. Only
ratios of one run mean anything. With idle it counts what apps of 1, 10 and 100 channels ask of the broker while nothing
is published.

  --quick   less of everything, one payload; under a minute
  --accounts the contenders are in another account than the streams, as the configuration that ships has it
  --against directory of another checkout with its dependencies installed: the kit (with http, the producer) there, in
            turns with the one here
  --profile each contender leaves a CPU profile in profiles/; the figures are not to be quoted
  row       only rows whose name begins so: ${ALL_ROWS.map((row) => row.name).join(', ')}
`

function readCommandLine() {
  const { values, positionals } = parseArgs({
    // pnpm hands on the "--" that separates a script's arguments.
    args: process.argv.slice(2).filter((argument) => argument !== '--'),
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      accounts: { type: 'boolean', default: false },
      against: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const isHttp = positionals.length === 1 && positionals[0] === HTTP
  const isIdle = positionals.length === 1 && positionals[0] === IDLE
  const unknown = isHttp || isIdle ? [] : positionals.filter((filter) => selectRows([filter]).length === 0)
  if (unknown.length > 0) throw new Error(`there is no row ${unknown.join(', ')}\n\n${HELP}`)
  const selected = isHttp || isIdle ? [] : selectRows(positionals)
  if (!isHttp && values.accounts && values.against !== undefined)
    throw new Error(`--accounts or --against, not both\n\n${HELP}`)
  const against = values.against === undefined ? undefined : checkoutAt(values.against)
  return {
    help: values.help,
    http: isHttp ? HTTP_SCALES[values.quick ? 'quick' : 'full'] : undefined,
    idle: isIdle ? IDLE_SCALES[values.quick ? 'quick' : 'full'] : undefined,
    scale: SCALES[values.quick ? 'quick' : against === undefined ? 'full' : 'against'],
    rows: values.accounts ? inAccounts(selected) : against === undefined ? selected : selected.map(againstBefore),
    accounts: values.accounts,
    against,
    nodeOptions: values.profile ? ['--cpu-prof', `--cpu-prof-dir=${PROFILES}`] : [],
  }
}

function checkoutAt(path: string): string {
  // pnpm runs this in the package's folder; the path is meant from where the command was typed.
  const directory = resolve(process.env['INIT_CWD'] ?? '.', path)
  if (!existsSync(join(directory, WORKER)) || !existsSync(join(directory, 'benchmarks/node_modules')))
    throw new Error(`${directory} is no checkout of this repository with its dependencies installed (pnpm install)`)
  return directory
}

async function main(): Promise<void> {
  const { help, http, idle, ...options } = readCommandLine()
  if (help) return void process.stdout.write(HELP)
  const progress = new ProgressLine()
  if (http) {
    const figures = await runHttp({ ...options, scale: http, onProgress: progress.show })
    progress.clear()
    return void process.stdout.write(`${httpTable(figures)}\n`)
  }
  if (idle) {
    const figures = await runIdle({ scale: idle, onProgress: progress.show })
    progress.clear()
    return void process.stdout.write(`${idleTable(figures)}\n`)
  }
  const results = await runBenchmark({
    ...options,
    onProgress: progress.show,
    onReport: (report) => {
      progress.clear()
      process.stdout.write(`${tableOf(report)}\n`)
    },
  })
  progress.clear()
  await writeResults(results)
  process.stdout.write(`${results.rows.map(verdictText).join('\n')}\n\n`)
  process.stdout.write(
    `Node ${results.node}, nats-server ${results.natsServer}, ${results.processors} processors; medians of ${results.rounds} rounds; ${RESULTS_FILE}\n`,
  )
  const others = othersCores(results.rows)
  if (others > QUIET_CORES) {
    process.stdout.write(
      `Other programs took up to ${Math.round(others * 100)} % of a core meanwhile: compare µs/msg rather than rates, or measure again when the machine is quiet.\n`,
    )
  }
  // A goal that is missed is a figure; a message that is lost is an error.
  if (results.rows.some((report) => report.verdict.outcome === 'failed')) process.exitCode = 1
}

/** A command of its own: it measures log-consumer, and takes other options. */
const LOGS = 'logs'
const [command, ...rest] = process.argv.slice(2).filter((argument) => argument !== '--')

;(command === LOGS ? benchLogs(rest) : main()).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
})
