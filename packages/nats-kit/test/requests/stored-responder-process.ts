import { defineApp } from '@alarm-bus/contracts'
import { createBus, defineResponder } from '../../src/index.ts'
import { makeStored } from './stored-contracts.ts'

/** A responder of the stored request in a process of its own; what has `b` 0 its first process never answers. */
const { URL: url = '', KEY: key = '', FIRST: isFirst } = process.env
const { division, contracts } = makeStored({ key })
const silent = { debug() {}, info() {}, warn() {}, error() {} }
const bus = createBus({
  contracts,
  app: defineApp({
    name: 'calculator',
    description: 'It divides.',
    owner: 'tests',
    answers: [division],
    consuming: { ackWaitMs: 1_000 },
  }),
  connection: { name: 'calculator', servers: [url] },
  logger: silent,
  responders: [
    defineResponder(division, async ({ a, b }) => {
      console.log(`begun ${a}`)
      if (isFirst === 'true' && b === 0) await new Promise(() => undefined)
      return { quotient: a }
    }),
  ],
})
await bus.start()
console.log('ready')
