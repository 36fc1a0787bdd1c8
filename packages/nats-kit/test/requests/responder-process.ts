import { defineContracts, defineRequest } from '@alarm-bus/contracts'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { createBus, defineResponder } from '../../src/index.ts'

/**
 * A responder in a process of its own; says on standard output when it is ready and what it begins, and where the request
 * has its deadline as its note (milliseconds of the Unix epoch), how far from it that was. It answers after `b` ms.
 */
const { URL: url = '', SUBJECT: subject = '', CONCURRENCY: concurrency = '64' } = process.env
const division = defineRequest({
  name: 'division',
  subject,
  owner: 'tests',
  description: 'One number divided by another.',
  request: z.object({ a: z.number(), b: z.number(), note: z.string().default('none') }),
  response: z.object({ quotient: z.number(), note: z.string() }),
  timeoutMs: 20_000,
})
const silent = { debug() {}, info() {}, warn() {}, error() {} }
const bus = createBus({
  contracts: defineContracts({ channels: [], streams: [], requests: [division] }),
  connection: { name: 'calculator', servers: [url] },
  logger: silent,
  responders: [
    defineResponder(
      division,
      async ({ a, b, note }) => {
        console.log(`begun ${a} ${Number.isNaN(Number(note)) ? '' : Date.now() - Number(note)}`.trim())
        await sleep(b)
        return { quotient: a, note }
      },
      { concurrency: Number(concurrency) },
    ),
  ],
})
await bus.start()
console.log('ready')
process.once('SIGTERM', () => void bus.stop(5_000))
