import { MAIN_PAYLOAD } from './payloads.ts'
import type { Row } from './row.ts'

/**
 * A request and its answer, caller and responder in one process on a connection each. The kit checks both at both ends,
 * the raw client's `request` and `respond` check nothing.
 */
const shared = {
  task: 'requests',
  contenders: ['kit', 'raw'],
  brokers: 1,
  stream: 'emptied',
  payloads: [MAIN_PAYLOAD],
  nodeOptions: [],
} as const satisfies Partial<Row>

export const requestsRow: Row = {
  ...shared,
  name: 'requests',
  title: 'request and reply, 64 in flight',
  goal: { kind: 'requests', rateAtLeast: 1.5, p50AtMost: 1.2 },
  work: { inFlight: 64, bound: 64, mode: 'pull', check: 'none' },
  messages: 100_000,
}

/** Here the broker's way takes most of the time, so no client could have half as many again. */
export const singleRequestsRow: Row = {
  ...shared,
  name: 'requests-single',
  title: 'request and reply, one at a time',
  goal: { kind: 'requests', rateAtLeast: 0, p50AtMost: 1.2 },
  work: { inFlight: 1, bound: 64, mode: 'pull', check: 'none' },
  messages: 20_000,
}
