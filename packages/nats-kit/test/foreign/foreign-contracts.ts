import { defineChannel, defineContracts, defineStream } from '@alarm-bus/contracts'
import { nuid } from '@nats-io/transport-node'
import { z } from 'zod'
import { HANDLER_ACTIONS } from './bodies.ts'

/** The stream's bound of one message, header block and body together. */
export const MAX_MESSAGE_BYTES = 128 * 1024

/** One channel and one stream of their own. */
export function foreignContracts() {
  const key = nuid.next()
  const channel = defineChannel({
    name: 'foreign',
    subject: `${key}.foreign`,
    description: 'what anybody may write',
    schema: z.object({
      id: z.string().min(1),
      does: z.enum(HANDLER_ACTIONS).optional(),
      text: z.string().optional(),
    }),
  })
  const stream = defineStream({
    name: `FOREIGN_${key}`,
    description: 'foreign messages',
    channels: [channel],
    maxAgeMs: 3_600_000,
    maxMessages: 1_000_000,
    maxBytes: 1024 * 1024 * 1024,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    discard: 'new',
  })
  return { channel, stream, contracts: defineContracts({ channels: [channel], streams: [stream] }) }
}

export type ForeignContracts = ReturnType<typeof foreignContracts>
