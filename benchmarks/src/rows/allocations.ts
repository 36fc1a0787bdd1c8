import { MAIN_PAYLOAD } from './payloads.ts'
import { pullRow } from './consume.ts'
import { publishRow } from './publish.ts'
import type { Row } from './row.ts'

/** With a collection before each round, so that a round does not pay for its forerunner. */
const shared = {
  goal: { kind: 'allocations', atMost: 0.5 },
  messages: 100_000,
  payloads: [MAIN_PAYLOAD],
  nodeOptions: ['--expose-gc'],
} as const satisfies Partial<Row>

export const publishAllocationsRow: Row = {
  ...publishRow,
  ...shared,
  name: 'allocations-publish',
  title: 'bytes allocated on the heap a published message',
}

export const consumeAllocationsRow: Row = {
  ...pullRow,
  ...shared,
  name: 'allocations-consume',
  title: 'bytes allocated on the heap a consumed message (pull)',
}
