import { expect } from 'vitest'
import { describeReport, type FaultReport, type Journal, type ReportOptions } from './journal.ts'

/** Says the figures of a fault and holds them to what is always true: nothing lost, nothing that nobody sent. */
export function judge(name: string, journal: Journal, options: ReportOptions = {}): FaultReport {
  const report = journal.report(options)
  console.info(describeReport(name, report))
  expect({ lost: report.lost, unexpected: report.unexpected }).toEqual({ lost: [], unexpected: [] })
  return report
}
