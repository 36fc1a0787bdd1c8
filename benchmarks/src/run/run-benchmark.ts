import { type Results, resultsOf } from '../report/results-file.ts'
import { reportOf, type RowReport } from '../report/row-report.ts'
import type { Row } from '../rows/row.ts'
import { type RunOptions, runRow } from './run-row.ts'

export interface BenchmarkOptions extends RunOptions {
  readonly rows: readonly Row[]
  /** Called with each part as soon as it is measured. */
  readonly onReport: (report: RowReport) => void
}

/** Runs the rows one after the other: two at once would measure each other. */
export async function runBenchmark({ rows, onReport, ...options }: BenchmarkOptions): Promise<Results> {
  const reports: RowReport[] = []
  let natsServer = ''
  for (const row of rows) {
    options.onProgress(`${row.name}: starting ${row.brokers === 1 ? 'a broker' : `${row.brokers} brokers`}`)
    for await (const run of runRow(row, options)) {
      natsServer = run.natsServer
      const report = reportOf(run)
      reports.push(report)
      onReport(report)
    }
  }
  return resultsOf(reports, options.scale, natsServer)
}
