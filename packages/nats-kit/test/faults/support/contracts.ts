import { defineChannel, defineContracts, defineStream, type StreamOptions } from '@alarm-bus/contracts'
import { z } from 'zod'

/**
 * One channel and one stream of a test's own. The same key gives the same contracts in every process. A full stream
 * refuses the new, so that nothing a test acknowledged can be dropped unless the test asks for it.
 */
export function faultContracts(key: string, options: Partial<StreamOptions> = {}) {
  const channel = defineChannel({
    name: 'fault',
    subject: `${key}.fault`,
    description: 'what the journal knows by its id',
    schema: z.object({ id: z.string().min(1), pad: z.string().optional() }),
  })
  const stream = defineStream({
    name: `F_${key}`,
    description: 'a fault',
    channels: [channel],
    maxAgeMs: 3_600_000,
    maxMessages: 1_000_000,
    maxBytes: 512 * 1024 * 1024,
    discard: 'new',
    ...options,
  })
  return { key, channel, stream, contracts: defineContracts({ channels: [channel], streams: [stream] }) }
}

export type FaultContracts = ReturnType<typeof faultContracts>
