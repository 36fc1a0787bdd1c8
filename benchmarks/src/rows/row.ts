import type { ContenderName } from '../contenders/open.ts'
import type { Work } from '../work/work.ts'
import type { TaskName } from '../worker/protocol.ts'

/** What is compared, and what the kit is to reach. */
export type Goal =
  /**
   * Messages a second, kit over the best other. `orSaturated`: it counts as reached too when the broker's processor
   * time is at its ceiling and the client's is not, since then no client could be faster.
   */
  | { readonly kind: 'rate'; readonly atLeast: number; readonly orSaturated: boolean }
  /** Median and 99th percentile of the latency, kit over the other. */
  | { readonly kind: 'latency'; readonly atMost: number }
  /** Requests a second, and the median of the time until the answer, kit over the other. */
  | { readonly kind: 'requests'; readonly rateAtLeast: number; readonly p50AtMost: number }
  /** Bytes allocated a message, kit over the other. */
  | { readonly kind: 'allocations'; readonly atMost: number }

/** One comparison of the benchmark. Plain data; the figures in it are those of a full run. */
export interface Row {
  /** What a filter on the command line is compared with. */
  readonly name: string
  readonly title: string
  readonly task: TaskName
  /** The kit and whom it is compared with. */
  readonly contenders: readonly ContenderName[]
  readonly goal: Goal
  readonly brokers: 1 | 3
  /**
   * - `emptied`: all contenders publish to one stream, which is emptied after each round.
   * - `filled`: all contenders read the same messages of one stream, each with a consumer of its own.
   * - `own`: each contender has a stream, since its consumer would see the others' messages.
   */
  readonly stream: 'emptied' | 'filled' | 'own'
  readonly work: Pick<Work, 'inFlight' | 'bound' | 'mode' | 'check'>
  /** Messages of a round, for payloads up to 1 KiB; a quarter of it for larger ones. */
  readonly messages: number
  readonly payloads: readonly number[]
  /** For the contenders' processes. */
  readonly nodeOptions: readonly string[]
}
