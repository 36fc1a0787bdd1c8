import { defineContracts, defineRequest, defineStream } from '@alarm-bus/contracts'
import { nuid } from '@nats-io/transport-node'
import { z } from 'zod'

/** A stored request in a stream of a test's own. */
export function makeStored({ key = nuid.next(), timeoutMs = 30_000, duplicateWindowMs = 120_000 } = {}) {
  const division = defineRequest({
    name: 'division',
    subject: `ask.${key}.division`,
    owner: 'tests',
    description: 'One number divided by another.',
    request: z.object({ a: z.number(), b: z.number() }),
    response: z.object({ quotient: z.number() }),
    errors: { division_by_zero: z.object({ a: z.number() }) },
    stored: true,
    timeoutMs,
  })
  const stream = defineStream({
    name: `S_${key}`,
    description: 'a test',
    channels: [],
    requests: [division],
    duplicateWindowMs,
    maxAgeMs: 3_600_000,
    maxMessages: 10_000,
    maxBytes: 16 * 1024 * 1024,
  })
  return {
    key,
    division,
    stream,
    contracts: defineContracts({ channels: [], streams: [stream], requests: [division] }),
  }
}
