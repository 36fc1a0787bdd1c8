import { type Failure, type Figures, isFailure } from './figures.ts'
import type { Goal } from '../rows/row.ts'
import type { RowReport } from './row-report.ts'

const NAME_WIDTH = 40
const FIGURE_WIDTH = 13

/** The heading of a row, and one line a contender; the ratios stand below. */
export function tableOf(report: RowReport): string {
  const { title, goal, payloadBytes, messagesPerRound, contenders } = report
  return [
    `${report.row} · ${title} · ${bytes(payloadBytes)} · ${count(messagesPerRound)} messages a round`,
    line(
      '',
      columnsOf(goal).map(([heading]) => heading),
    ),
    ...contenders.map((contender) => contenderLine(goal, contender)),
    `  ${verdictText(report)}`,
    '',
  ].join('\n')
}

export function verdictText({ goal, verdict, payloadBytes, row }: RowReport): string {
  if (verdict.outcome === 'failed') return `${row} ${bytes(payloadBytes)}: FAILED, ${verdict.reason}`
  const ratios = Object.entries(verdict.ratios).map(([name, ratio]) => `${name} ${ratio.toFixed(2)}×`)
  if (verdict.outcome === 'no goal') return `${row} ${bytes(payloadBytes)}: ${ratios.join(', ')}`
  return `${row} ${bytes(payloadBytes)}: ${ratios.join(', ')}; goal ${wantedText(goal)}: ${verdict.outcome}`
}

function wantedText(goal: Goal): string {
  if (goal.kind === 'rate') return `at least ${goal.atLeast}×`
  if (goal.kind !== 'requests') return `at most ${goal.atMost}×`
  const rate = goal.rateAtLeast > 0 ? `rate at least ${goal.rateAtLeast}×, ` : ''
  return `${rate}p50 at most ${goal.p50AtMost}×`
}

type Column = readonly [heading: string, text: (figures: Figures) => string]

function columnsOf(goal: Goal): readonly Column[] {
  const main: Readonly<Record<Goal['kind'], readonly Column[]>> = {
    rate: [['messages/s', (figures) => count(figures.messagesPerSecond)]],
    latency: [
      ['p50 ms', (figures) => (figures.latencyMs?.p50 ?? Number.NaN).toFixed(3)],
      ['p99 ms', (figures) => (figures.latencyMs?.p99 ?? Number.NaN).toFixed(3)],
    ],
    requests: [
      ['requests/s', (figures) => count(figures.messagesPerSecond)],
      ['p50 ms', (figures) => (figures.latencyMs?.p50 ?? Number.NaN).toFixed(3)],
    ],
    allocations: [['bytes/message', (figures) => count(figures.allocatedBytesPerMessage ?? Number.NaN)]],
  }
  return [
    ...main[goal.kind],
    ['client µs/msg', (figures) => figures.clientMicrosPerMessage.toFixed(1)],
    ['broker µs/msg', (figures) => figures.brokerMicrosPerMessage.toFixed(1)],
    ['client core', (figures) => percent(figures.clientCores)],
    ['broker core', (figures) => percent(figures.brokerCores)],
    ['others core', (figures) => percent(figures.othersCores)],
  ]
}

function contenderLine(goal: Goal, contender: Figures | Failure): string {
  if (isFailure(contender)) return `  ${contender.title.padEnd(NAME_WIDTH)} could not run: ${contender.error}`
  return line(
    contender.title,
    columnsOf(goal).map(([, text]) => text(contender)),
  )
}

function line(name: string, cells: readonly string[]): string {
  return `  ${name.padEnd(NAME_WIDTH)}${cells.map((cell) => cell.padStart(FIGURE_WIDTH)).join(' ')}`
}

function bytes(value: number): string {
  return value < 1_024 ? `${value} B` : `${value / 1_024} KiB`
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
