import { CONTENDER_TITLE, type ContenderName } from '../contenders/open.ts'
import { median } from '../measure/statistics.ts'
import type { ContenderRun } from '../run/run-row.ts'
import type { RoundResult } from '../worker/task.ts'

/** Medians of a contender's rounds. Processor time is in shares of one core: 1 is a core that is always busy. */
export interface Figures {
  readonly name: ContenderName
  readonly title: string
  readonly messagesPerSecond: number
  readonly clientCores: number
  readonly brokerCores: number
  /** Everything else on the machine. */
  readonly othersCores: number
  readonly clientMicrosPerMessage: number
  readonly brokerMicrosPerMessage: number
  readonly allocatedBytesPerMessage?: number
  readonly latencyMs?: { readonly p50: number; readonly p99: number }
  readonly rounds: readonly RoundResult[]
}

/** A contender that could not do its work, and why. */
export interface Failure {
  readonly name: ContenderName
  readonly title: string
  readonly error: string
}

export function isFailure(figures: Figures | Failure): figures is Failure {
  return 'error' in figures
}

export function figuresOf({ name, rounds, error }: ContenderRun): Figures | Failure {
  const title = CONTENDER_TITLE[name]
  if (error !== undefined) return { name, title, error }
  const of = (pick: (round: RoundResult) => number): number => median(rounds.map(pick))
  const allocated = of((round) => (round.allocatedBytes ?? Number.NaN) / round.messages)
  const measuresLatency = rounds.every((round) => round.latencyMs !== undefined)
  return {
    name,
    title,
    messagesPerSecond: of((round) => round.messages / round.seconds),
    clientCores: of((round) => round.clientCpuSeconds / round.seconds),
    brokerCores: of((round) => round.brokerCpuSeconds / round.seconds),
    othersCores: of((round) => round.othersCpuSeconds / round.seconds),
    clientMicrosPerMessage: of((round) => (round.clientCpuSeconds / round.messages) * 1e6),
    brokerMicrosPerMessage: of((round) => (round.brokerCpuSeconds / round.messages) * 1e6),
    ...(Number.isNaN(allocated) ? {} : { allocatedBytesPerMessage: allocated }),
    ...(measuresLatency
      ? { latencyMs: { p50: of((round) => round.latencyMs?.p50 ?? 0), p99: of((round) => round.latencyMs?.p99 ?? 0) } }
      : {}),
    rounds,
  }
}

/** The most that the rest of the machine used beside any contender. */
export function othersCores(reports: readonly { readonly contenders: readonly (Figures | Failure)[] }[]): number {
  const shares = reports.flatMap((report) =>
    report.contenders.map((contender) => (isFailure(contender) ? 0 : contender.othersCores)),
  )
  return Math.max(0, ...shares)
}
