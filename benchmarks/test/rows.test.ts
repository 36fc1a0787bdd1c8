import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { isFailure } from '../src/report/figures.ts'
import type { RowReport } from '../src/report/row-report.ts'
import { tableOf } from '../src/report/table.ts'
import { againstBefore } from '../src/rows/against.ts'
import { ALL_ROWS, selectRows } from '../src/rows/all-rows.ts'
import { inAccounts } from '../src/rows/in-accounts.ts'
import type { Row } from '../src/rows/row.ts'
import { runBenchmark } from '../src/run/run-benchmark.ts'
import { SCALES } from '../src/run/scale.ts'

/** One tiny round of each row: that it still runs and verifies, not how fast it is. */
describe('every row runs and verifies what it did', () => {
  test.for(ALL_ROWS.map((row) => [row.name, row] as const))('%s', async ([, row]) => {
    const seen: RowReport[] = []
    const results = await runBenchmark({
      rows: [row],
      scale: SCALES.smoke,
      nodeOptions: [],
      against: undefined,
      accounts: false,
      onProgress: () => undefined,
      onReport: (report) => seen.push(report),
    })
    expect(results).toMatchObject({ scale: 'smoke', node: process.version, natsServer: expect.stringMatching(/^2\./) })
    expect(results.rows).toEqual(seen)
    const [report] = results.rows
    expect(report?.verdict.outcome).toMatch(/^(met|met by saturation|missed)$/)
    const ratios = Object.values(report?.verdict.ratios ?? {})
    expect(ratios.length).toBeGreaterThan(0)
    for (const ratio of ratios) expect(ratio).toBeGreaterThan(0)
    expect(report?.contenders.map(({ name }) => name)).toEqual(row.contenders)
    for (const contender of report?.contenders ?? []) {
      if (isFailure(contender)) throw new Error(`${contender.name}: ${contender.error}`)
      expect(contender.rounds).toHaveLength(SCALES.smoke.rounds)
      expect(contender.messagesPerSecond).toBeGreaterThan(0)
      expect(contender.clientCores).toBeGreaterThan(0)
      expect(tableOf(report as RowReport)).toContain(contender.title)
    }
  })
})

test('a row against another checkout runs that one’s kit', async () => {
  const [row] = selectRows(['pull'])
  const seen: string[] = []
  const checkout = fileURLToPath(new URL('../..', import.meta.url))
  const results = await runBenchmark({
    rows: [againstBefore(row as Row)],
    scale: { ...SCALES.smoke, starts: 2 },
    nodeOptions: [],
    against: checkout,
    accounts: false,
    onProgress: (what) => seen.push(what),
    onReport: () => undefined,
  })
  const [report] = results.rows
  expect(report?.verdict.ratios['rate']).toBeGreaterThan(0)
  expect(report?.contenders.map(({ name }) => name)).toEqual(['kit', 'before'])
  for (const contender of report?.contenders ?? []) {
    if (isFailure(contender)) throw new Error(`${contender.name}: ${contender.error}`)
    expect(contender.rounds).toHaveLength(2)
  }
  expect(seen.filter((what) => what.endsWith('starting before'))).toHaveLength(2)
})

test('a directory that is no checkout fails as a contender, and says so', async () => {
  const [row] = selectRows(['pull'])
  const results = await runBenchmark({
    rows: [againstBefore(row as Row)],
    scale: SCALES.smoke,
    nodeOptions: [],
    against: tmpdir(),
    accounts: false,
    onProgress: () => undefined,
    onReport: () => undefined,
  })
  expect(results.rows[0]?.contenders[1]).toMatchObject({
    name: 'before',
    error: expect.stringMatching(/Cannot find module/),
  })
})

test.for(inAccounts(ALL_ROWS).map((row) => [row.name, row] as const))(
  '%s from an account of its own, beside the raw client there and in the account of the streams',
  async ([, row]) => {
    const results = await runBenchmark({
      rows: [row],
      scale: SCALES.smoke,
      nodeOptions: [],
      against: undefined,
      accounts: true,
      onProgress: () => undefined,
      onReport: () => undefined,
    })
    const contenders = results.rows[0]?.contenders ?? []
    expect(contenders.map(({ name }) => name)).toEqual(['kit', 'raw', 'raw-one-account'])
    for (const contender of contenders)
      if (isFailure(contender)) throw new Error(`${contender.name}: ${contender.error}`)
  },
)

describe('choosing rows', () => {
  test('without a filter all, else those whose name begins so', () => {
    expect(selectRows([])).toEqual(ALL_ROWS)
    expect(selectRows(['pu']).map((row) => row.name)).toEqual([
      'publish',
      'pull',
      'push',
      'publish-many',
      'publish-stream',
    ])
    expect(selectRows(['nothing'])).toEqual([])
  })
})
