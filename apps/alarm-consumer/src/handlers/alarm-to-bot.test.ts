import type { MessageContext } from '@alarm-bus/nats-kit'
import { expect, test } from 'vitest'
import type { Alarm } from '../sinks/alarm-sink.ts'
import { alarmToBotHandler } from './alarm-to-bot.ts'

const storedAt = new Date(1_700_000_000_000)
const context = {
  channel: 'alarm-to-bot',
  id: 'id-1',
  stream: 'S',
  seq: 7,
  storedAt,
  deliveryCount: 2,
} as MessageContext

test('the sinks get the alarm with its identity', async () => {
  const sent: Alarm[] = []
  await alarmToBotHandler({ deliver: async (alarm) => void sent.push(alarm) }).handle({ message: 'fire' }, context)
  expect(sent).toEqual([
    { channel: 'alarm-to-bot', message: 'fire', id: 'id-1', stream: 'S', seq: 7, storedAt, deliveryCount: 2 },
  ])
})

test('a delivery that fails fails the message, so that the alarm is redelivered', async () => {
  const handler = alarmToBotHandler({ deliver: () => Promise.reject(new Error('the bot is away')) })
  await expect(handler.handle({ message: 'fire' }, context)).rejects.toThrow('the bot is away')
})
