import { PAYLOADS } from './payloads.ts'
import type { Row } from './row.ts'

const shared = {
  task: 'consume',
  contenders: ['kit', 'raw'],
  brokers: 1,
  stream: 'filled',
  messages: 100_000,
  payloads: PAYLOADS,
  nodeOptions: [],
} as const satisfies Partial<Row>

/** Same decoding, check, handler and explicit ack on both sides. */
export const pullRow: Row = {
  ...shared,
  name: 'pull',
  title: 'pull, bound 512: decode, check, handler, explicit ack',
  goal: { kind: 'rate', atLeast: 2.3, orSaturated: false },
  work: { inFlight: 1, bound: 512, mode: 'pull', check: 'consumed' },
}

/**
 * The kit's batched direct gets beside the client's ordered consumer, which is made again in each round. A consumer is
 * faster by its nature: it sends while the last message is still read, and copies no headers.
 */
export const readRow: Row = {
  ...shared,
  name: 'read',
  task: 'read',
  title: 'read what is stored, no durable: decode, check',
  goal: { kind: 'rate', atLeast: 0.2, orSaturated: false },
  work: { inFlight: 1, bound: 512, mode: 'pull', check: 'consumed' },
}

export const pushRow: Row = {
  ...shared,
  name: 'push',
  title: 'push, bound 512: decode, check, handler, explicit ack',
  goal: { kind: 'rate', atLeast: 1.5, orSaturated: false },
  work: { inFlight: 1, bound: 512, mode: 'push', check: 'consumed' },
}
