import type { JetStreamManager } from '@nats-io/jetstream'
import type { Contender } from '../contenders/contender.ts'
import type { Lap } from '../measure/stopwatch.ts'
import type { Work } from '../work/work.ts'

/** What a round found out. Latencies are milliseconds from `publish` to the handler. */
export interface RoundResult extends Lap {
  readonly messages: number
  readonly latencyMs?: { readonly p50: number; readonly p99: number }
}

/** What a task works with: the contender under test, and a manager of its own to verify what was done. */
export interface TaskContext {
  readonly contender: Contender
  readonly work: Work
  readonly stream: string
  readonly manager: JetStreamManager
}

/** Does one round with `count` messages. Rejects unless every one of them was stored, and handled, and settled. */
export type Round = (count: number) => Promise<RoundResult>

/** Gets a task ready; what it returns does a round, and `end` takes down what it set up. */
export type StartTask = (context: TaskContext) => Promise<{ readonly round: Round; end(): Promise<void> }>
