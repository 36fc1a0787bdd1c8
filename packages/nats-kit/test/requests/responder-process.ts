import { defineContracts, defineRequest } from '@alarm-bus/contracts'
import { z } from 'zod'
import { createBus, defineResponder } from '../../src/index.ts'

/** A responder in a process of its own; says on standard output when it is ready and what it begins. */
const { URL: url = '', SUBJECT: subject = '' } = process.env
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
    defineResponder(division, ({ a, note }) => {
      console.log(`begun ${a}`)
      return { quotient: a, note }
    }),
  ],
})
await bus.start()
console.log('ready')
process.once('SIGTERM', () => void bus.stop(5_000))
