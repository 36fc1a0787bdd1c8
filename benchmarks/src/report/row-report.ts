import type { RowRun } from '../run/run-row.ts'
import type { Goal } from '../rows/row.ts'
import { MAIN_PAYLOAD } from '../rows/payloads.ts'
import { type Failure, type Figures, figuresOf } from './figures.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/** One row at one payload, as it is printed and written down. */
export interface RowReport {
  readonly row: string
  readonly title: string
  readonly goal: Goal
  readonly payloadBytes: number
  readonly messagesPerRound: number
  readonly contenders: readonly (Figures | Failure)[]
  readonly verdict: Verdict
}

export function reportOf({ row, payloadBytes, messages, contenders: runs }: RowRun): RowReport {
  const contenders = runs.map(figuresOf)
  const { name, title, goal } = row
  const verdict = verdictOf(goal, contenders)
  return {
    row: name,
    title,
    goal,
    payloadBytes,
    messagesPerRound: messages,
    contenders,
    verdict:
      payloadBytes === MAIN_PAYLOAD || verdict.outcome === 'failed' ? verdict : { ...verdict, outcome: 'no goal' },
  }
}
