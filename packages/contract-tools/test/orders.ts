import {
  type Channel,
  defineApp,
  defineChannel,
  defineContracts,
  defineStream,
  type StreamOptions,
} from '@alarm-bus/contracts'
import { z } from 'zod'
import { parseChangeset } from '../src/compatibility/changesets.ts'
import { checkContracts } from '../src/compatibility/check-contracts.ts'
import { type CheckInput } from '../src/compatibility/checked.ts'
import type { ReleasedContracts } from '../src/compatibility/released.ts'
import { takeSnapshot } from '../src/snapshot/take-snapshot.ts'

type ChannelChange = Partial<Parameters<typeof defineChannel>[0]>

export const text = z.object({ text: z.string() })
export const stricter = z.object({ text: z.string().max(10) })

export const channel = (change: ChannelChange = {}): Channel =>
  defineChannel({ name: 'order-placed', subject: 'order.placed', description: 'x', schema: text, ...change })

export function snapshot(channels: readonly Channel[], stream: Partial<StreamOptions> = {}): ReleasedContracts {
  const all = defineStream({
    name: 'ORDERS',
    description: 'x',
    channels,
    maxAgeMs: 600_000,
    maxMessages: 1_000,
    maxBytes: 100_000,
    ...stream,
  })
  return takeSnapshot(defineContracts({ channels, streams: [all] }))
}

export const app = (name: string, does: 'publishes' | 'handles', channels: readonly Channel[]) =>
  defineApp({ name, description: 'x', owner: 'shop', [does]: channels })

export const changeset = (size: string, body = 'Breaking: order-placed') =>
  parseChangeset('a-change.md', `---\n'@alarm-bus/contracts': ${size}\n---\n\n${body}\n`)

export function check(before: ReleasedContracts, after: ReleasedContracts, more: Partial<CheckInput> = {}) {
  return checkContracts({
    released: before,
    declared: after,
    apps: [],
    changesets: [],
    contractsVersion: '0.1.0',
    ...more,
  })
}
