import { defineChannel, defineContracts, defineStream } from '@alarm-bus/contracts'
import { nuid } from '@nats-io/transport-node'
import { z } from 'zod'

/** A channel whose messages are in the order of their `key`; each says what its handler is to do, and how often. */
export function makeKeyed(name = nuid.next()) {
  const channel = defineChannel({
    name: 'keyed',
    subject: `${name}.keyed`,
    description: 'x',
    schema: z.object({ key: z.string(), n: z.int(), does: z.string().default('return'), times: z.int().default(1) }),
    key: 'key',
  })
  const stream = defineStream({
    name: `S_${name}`,
    description: 'a test',
    channels: [channel],
    maxAgeMs: 3_600_000,
    maxMessages: 2_000_000,
    maxBytes: 512 * 1024 * 1024,
  })
  return { name, channel, stream, contracts: defineContracts({ channels: [channel], streams: [stream] }) }
}
