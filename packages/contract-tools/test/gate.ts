import { type Channel, defineContracts, defineStream } from '@alarm-bus/contracts'
import { checkContracts } from '../src/compatibility/check-contracts.ts'
import { type CheckedChannel } from '../src/compatibility/checked.ts'
import type { ReleasedContracts } from '../src/compatibility/released.ts'
import { takeSnapshot } from '../src/snapshot/take-snapshot.ts'

/** What the gate says of one channel, as released and as it is to be; both have the same name. */
export function gate(before: Channel, after: Channel): CheckedChannel {
  const { channels } = checkContracts({
    released: throughAFile(before),
    declared: throughAFile(after),
    apps: [],
    changesets: [],
    contractsVersion: '0.1.0',
  })
  return channels[0] as CheckedChannel
}

/** A snapshot has been written and read again. */
export function throughAFile(channel: Channel): ReleasedContracts {
  const stream = defineStream({
    name: 'ALL',
    description: 'x',
    channels: [channel],
    maxAgeMs: 600_000,
    maxMessages: 1_000,
    maxBytes: 100_000,
  })
  return JSON.parse(JSON.stringify(takeSnapshot(defineContracts({ channels: [channel], streams: [stream] }))))
}
