import { MAIN_PAYLOAD, PAYLOADS } from './payloads.ts'
import type { Row } from './row.ts'

/** The kit checks at both ends; the peers check at neither. */
export const bothEndsRow: Row = {
  name: 'both-ends',
  title: 'publish and consume in one process',
  task: 'both-ends',
  contenders: ['kit', 'moleculer', 'nest'],
  goal: { kind: 'rate', atLeast: 2.5, orSaturated: false },
  brokers: 1,
  stream: 'own',
  work: { inFlight: 1_024, bound: 512, mode: 'pull', check: 'none' },
  messages: 40_000,
  payloads: PAYLOADS,
  nodeOptions: [],
}

/** Same work on both sides: id, expected stream, check at both ends, explicit ack. */
export const latencyRow: Row = {
  name: 'latency',
  title: 'from publish to handler at 1,000 messages a second',
  task: 'latency',
  contenders: ['kit', 'raw'],
  goal: { kind: 'latency', atMost: 1.1 },
  brokers: 1,
  stream: 'own',
  work: { inFlight: 10_000, bound: 512, mode: 'pull', check: 'both-ends' },
  messages: 5_000,
  payloads: [MAIN_PAYLOAD],
  nodeOptions: [],
}
