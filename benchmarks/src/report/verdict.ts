import type { Goal } from '../rows/row.ts'
import { type Failure, type Figures, isFailure } from './figures.ts'

/** From here on a broker is called saturated. nats-server uses more than one core only for part of its work. */
const BROKER_CEILING_CORES = 0.95
const CLIENT_AT_EASE_CORES = 0.75

/** The kit over the best other, and whether that is what was asked for. */
export interface Verdict {
  /** Of rates, latencies or bytes, by name; several where the goal holds for each of them. */
  readonly ratios: Readonly<Record<string, number>>
  readonly outcome: 'met' | 'met by saturation' | 'missed' | 'no goal' | 'failed'
  /** Why the row failed. */
  readonly reason?: string
}

/** Ratios are of medians. A peer that cannot run takes no part; without the kit, or without any other, the row fails. */
export function verdictOf(goal: Goal, contenders: readonly (Figures | Failure)[]): Verdict {
  const kit = contenders.find((contender) => contender.name === 'kit')
  const others = contenders
    .filter((contender) => contender.name !== 'kit')
    .filter((other) => !isFailure(other)) as Figures[]
  if (kit === undefined || isFailure(kit)) return failed(`the kit: ${kit?.error ?? 'did not run'}`)
  if (others.length === 0) return failed('nobody to compare with')
  switch (goal.kind) {
    case 'rate': {
      const rate = kit.messagesPerSecond / Math.max(...others.map((other) => other.messagesPerSecond))
      if (rate >= goal.atLeast) return { ratios: { rate }, outcome: 'met' }
      const saturated = kit.brokerCores >= BROKER_CEILING_CORES && kit.clientCores < CLIENT_AT_EASE_CORES
      return { ratios: { rate }, outcome: goal.orSaturated && saturated ? 'met by saturation' : 'missed' }
    }
    case 'latency':
      return atMost(goal.atMost, {
        p50: lowest(kit, others, (figures) => figures.latencyMs?.p50),
        p99: lowest(kit, others, (figures) => figures.latencyMs?.p99),
      })
    case 'requests': {
      const rate = kit.messagesPerSecond / Math.max(...others.map((other) => other.messagesPerSecond))
      const p50 = lowest(kit, others, (figures) => figures.latencyMs?.p50)
      return { ratios: { rate, p50 }, outcome: rate >= goal.rateAtLeast && p50 <= goal.p50AtMost ? 'met' : 'missed' }
    }
    case 'allocations':
      return atMost(goal.atMost, { bytes: lowest(kit, others, (figures) => figures.allocatedBytesPerMessage) })
  }
}

function failed(reason: string): Verdict {
  return { ratios: {}, outcome: 'failed', reason }
}

function lowest(kit: Figures, others: readonly Figures[], pick: (figures: Figures) => number | undefined): number {
  return (pick(kit) ?? Number.NaN) / Math.min(...others.map((other) => pick(other) ?? Number.NaN))
}

function atMost(limit: number, ratios: Readonly<Record<string, number>>): Verdict {
  const values = Object.values(ratios)
  if (values.some(Number.isNaN)) return failed('this Node has no counter of allocated bytes')
  return { ratios, outcome: values.every((value) => value <= limit) ? 'met' : 'missed' }
}
