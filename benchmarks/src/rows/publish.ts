import { PAYLOADS } from './payloads.ts'
import type { Row } from './row.ts'

const shared = {
  task: 'publish',
  contenders: ['kit', 'raw'],
  goal: { kind: 'rate', atLeast: 2.5, orSaturated: true },
  stream: 'emptied',
  work: { inFlight: 1_024, bound: 1, mode: 'pull', check: 'none' },
  payloads: PAYLOADS,
  nodeOptions: [],
} as const satisfies Partial<Row>

/** The kit checks with zod; `js.publish` does not, as its users do not. Both send an id and the expected stream. */
export const publishRow: Row = {
  ...shared,
  name: 'publish',
  title: 'publish, 1,024 in flight, one awaited ack each',
  brokers: 1,
  messages: 100_000,
}

export const replicatedPublishRow: Row = {
  ...shared,
  name: 'r3-publish',
  title: 'publish to three replicas, 1,024 in flight',
  goal: { kind: 'rate', atLeast: 2.5, orSaturated: false },
  brokers: 3,
  messages: 30_000,
}
