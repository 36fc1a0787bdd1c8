import { defineChannel, defineContracts, defineStream, defineVersion } from '@alarm-bus/contracts'
import { z } from 'zod'

/** A release of the contracts: the first knows one version of the channel, the second both. */
export type Release = 'old' | 'new'

/** The same key gives the same contracts in every process. */
export function versionContracts(key: string, release: Release) {
  const first = defineChannel({
    name: 'greeting',
    subject: `${key}.greeting`,
    description: 'Somebody to greet.',
    schema: z.object({ id: z.string(), name: z.string() }),
  })
  const second = defineVersion(first, {
    version: 2,
    subject: `${key}.greeting.v2`,
    schema: z.object({ id: z.string(), names: z.array(z.string().min(1)).min(1) }),
    upcast: ({ id, name }) => ({ id, names: name.split(' ') }),
  })
  const channels = release === 'old' ? [first] : [first, second]
  const stream = defineStream({
    name: `V_${key}`,
    description: 'Greetings.',
    channels,
    maxAgeMs: 3_600_000,
    maxMessages: 1_000_000,
    maxBytes: 256 * 1024 * 1024,
    discard: 'new',
  })
  return { first, second, stream, contracts: defineContracts({ channels, streams: [stream] }) }
}
