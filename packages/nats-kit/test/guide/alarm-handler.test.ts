import { deliver } from '@alarm-bus/nats-kit/testing'
import { expect, test } from 'vitest'
import { alarmHandler } from './alarm-handler.ts'

test('a bot that asks for a minute gets it', async () => {
  const busy = alarmHandler(async () => 429)
  const report = await deliver(busy, { message: 'disk is full' }, { deliveryCount: 2 })
  expect(report).toMatchObject({ outcome: 'nak', delayMs: 60_000 })
})
