import type { Loadable } from '../contenders/open.ts'
import type { Work } from '../work/work.ts'
import type { RoundResult } from './task.ts'

export type TaskName =
  | 'publish'
  | 'publish-many'
  | 'publish-stream'
  | 'consume'
  | 'read'
  | 'both-ends'
  | 'latency'
  | 'requests'

/** What a contender's process is started with, as JSON in its first argument. */
export interface Assignment {
  readonly contender: Loadable
  readonly task: TaskName
  readonly work: Work
}

/** Parent to worker: do a round, or end. */
export type Order = { readonly kind: 'round'; readonly count: number } | { readonly kind: 'end' }

/** Worker to parent: each answers one order, `ready` answers the start. */
export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly result: RoundResult }
  | { readonly kind: 'failed'; readonly error: string }
