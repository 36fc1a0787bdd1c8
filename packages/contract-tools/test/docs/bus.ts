import { type App, type Channel, defineApp, defineChannel, defineContracts, defineStream } from '@alarm-bus/contracts'
import type { z } from 'zod'
import type { DocumentedBus } from '../../src/docs/to-asyncapi.ts'

/** A bus with one channel of that schema, published by `sender` and handled by `reader`. */
export function busWith(schema: z.ZodType, app: (channel: Channel) => Partial<App> = () => ({})): DocumentedBus {
  const channel = defineChannel({ name: 'a-thing', subject: 'a.thing', description: 'A thing.', owner: 'team', schema })
  const stream = defineStream({
    name: 'THINGS',
    description: 'x',
    channels: [channel],
    maxAgeMs: 3_600_000,
    maxMessages: 1_000,
    maxBytes: 2 ** 20,
    discard: 'new',
  })
  return {
    contracts: defineContracts({ channels: [channel], streams: [stream] }),
    apps: [
      defineApp({ name: 'reader', description: 'Reads.', owner: 'readers', handles: [channel], ...app(channel) }),
      defineApp({ name: 'sender', description: 'Sends.', owner: 'senders', publishes: [channel] }),
    ],
    version: '1.2.3',
  }
}
