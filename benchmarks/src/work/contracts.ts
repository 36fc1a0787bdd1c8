import { defineChannel, defineContracts, defineRequest, defineStream } from '@alarm-bus/contracts'
import { z } from 'zod'

/** The one schema of all contenders. */
export const benchSchema = z.object({
  n: z.int().min(0),
  source: z.string().min(1).max(100),
  text: z.string().max(60_000),
})

export type BenchMessage = z.infer<typeof benchSchema>

const HOUR_MS = 60 * 60 * 1000

/** A channel with a stream of its own. The limits are out of reach of any round, so that nothing is dropped by them. */
export function benchContracts(key: string) {
  const channel = defineChannel({
    name: `bench-${key}`,
    subject: `bench.${key}`,
    description: 'What the benchmark sends.',
    schema: benchSchema,
  })
  const stream = defineStream({
    name: `BENCH_${key.toUpperCase()}`,
    description: 'What the benchmark stores.',
    channels: [channel],
    storage: 'file',
    maxAgeMs: HOUR_MS,
    maxMessages: 100_000_000,
    maxBytes: 4 * 1024 * 1024 * 1024,
  })
  const request = defineRequest({
    name: `bench-ask-${key}`,
    subject: `bench-ask.${key}`,
    owner: 'benchmarks',
    description: 'What the benchmark asks; the answer is the same.',
    request: benchSchema,
    response: benchSchema,
    timeoutMs: 30_000,
  })
  const contracts = defineContracts({ channels: [channel], streams: [stream], requests: [request] })
  return { channel, stream, request, contracts }
}
