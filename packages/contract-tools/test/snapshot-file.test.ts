import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineChannel, defineContracts, defineRequest, defineStream } from '@alarm-bus/contracts'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { readSnapshot, writeSnapshot } from '../src/snapshot/snapshot-file.ts'
import { takeSnapshot } from '../src/snapshot/take-snapshot.ts'

test('what a release keeps is read as it was written: keys, stored requests, errors, users', () => {
  const folder = mkdtempSync(join(tmpdir(), 'alarm-bus-snapshot-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const order = z.object({ orderId: z.string().max(40) })
  const placed = defineChannel({
    name: 'order-placed',
    subject: 'order.placed',
    description: 'An order was placed.',
    key: 'orderId',
    schema: order,
  })
  const state = defineRequest({
    name: 'order-state',
    subject: 'ask.order.state',
    description: 'What became of an order.',
    owner: 'shop',
    stored: true,
    request: order,
    response: order,
    errors: { unknown_order: order },
  })
  const stream = defineStream({
    name: 'ORDERS',
    description: 'Orders.',
    channels: [placed],
    requests: [state],
    maxAgeMs: 86_400_000,
    maxMessages: 1_000,
    maxBytes: 1_048_576,
  })
  const contracts = defineContracts({ channels: [placed], streams: [stream], requests: [state] })
  const snapshot = { contractsVersion: '1.2.3', ...takeSnapshot(contracts, []) }
  expect(snapshot.channels[0]?.key).toBe('orderId')
  expect(snapshot.requests?.[0]?.stored?.stream).toBe('ORDERS')
  const file = join(folder, 'contracts.json')
  writeSnapshot(file, snapshot)
  expect(readSnapshot(file)).toEqual(snapshot)
})
