import { setTimeout as sleep } from 'node:timers/promises'
import { defineApp } from '@alarm-bus/contracts'
import { createBus, defineHandler } from '../../src/index.ts'
import { makeKeyed } from './keyed-contracts.ts'

/** Handles the keyed channel in a process of its own; says what begins and what ends, as it happens. */
const { URL: url = '', NAME: name = '' } = process.env
const { channel, contracts } = makeKeyed(name)
const silent = { debug() {}, info() {}, warn() {}, error() {} }
const failed = new Set<string>()
const bus = createBus({
  contracts,
  app: defineApp({ name: 'app', description: 'x', owner: 'x', handles: [channel] }),
  connection: { name: 'app', servers: [url] },
  logger: silent,
  subscriber: {
    ackWaitMs: 1_000,
    concurrency: 32,
    // A kill counts as one.
    maxDeliver: 20,
    maxUnsettled: 50,
    retry: { baseMs: 20, factor: 1, capMs: 20, jitter: 0 },
    handlers: [
      defineHandler(channel, async ({ key, n, does }) => {
        console.log(`begin ${key} ${n}`)
        if (does === 'wait') await sleep(2)
        const isFailure = does === 'throw' && !failed.has(`${key} ${n}`)
        failed.add(`${key} ${n}`)
        console.log(`${isFailure ? 'fail' : 'end'} ${key} ${n}`)
        if (isFailure) throw new Error('as asked')
      }),
    ],
  },
})
console.log('standing by')
process.stdin.once('data', () => void bus.start())
