import { PAYLOADS } from './payloads.ts'
import type { Row } from './row.ts'

const shared = {
  contenders: ['kit', 'raw'],
  goal: { kind: 'rate', atLeast: 1, orSaturated: false },
  brokers: 1,
  stream: 'emptied',
  payloads: PAYLOADS,
  nodeOptions: [],
} as const satisfies Partial<Row>

/** Four full batches under way: what the kit's bound for the messages of all batches allows. */
export const publishManyRow: Row = {
  ...shared,
  name: 'publish-many',
  title: 'atomic batches of 1,000, four under way',
  task: 'publish-many',
  work: { inFlight: 4_000, bound: 1, mode: 'pull', check: 'none' },
  messages: 100_000,
}

/** One stream of messages at a time, as both sides allow it to fill 1,000 in flight. */
export const publishStreamRow: Row = {
  ...shared,
  name: 'publish-stream',
  title: 'fast ingest of an async iterable, 1,000 in flight',
  task: 'publish-stream',
  work: { inFlight: 1_000, bound: 1, mode: 'pull', check: 'none' },
  messages: 100_000,
}
