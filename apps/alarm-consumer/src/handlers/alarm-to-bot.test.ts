import type { MessageContext } from '@alarm-bus/nats-kit'
import { expect, test } from 'vitest'
import type { Alarm } from '../sinks/alarm-sink.ts'
import { alarmToBotHandler } from './alarm-to-bot.ts'

const context = { channel: 'alarm-to-bot', id: 'id-1', stream: 'S', seq: 7, deliveryCount: 2 } as MessageContext

test('the sink gets the alarm with its identity', async () => {
  const sent: Alarm[] = []
  await alarmToBotHandler({ send: async (alarm) => void sent.push(alarm) }).handle({ message: 'fire' }, context)
  expect(sent).toEqual([
    { channel: 'alarm-to-bot', message: 'fire', id: 'id-1', stream: 'S', seq: 7, deliveryCount: 2 },
  ])
})

test('a sink that fails fails the delivery, so that the alarm comes again', async () => {
  const handler = alarmToBotHandler({ send: () => Promise.reject(new Error('the bot is away')) })
  await expect(handler.handle({ message: 'fire' }, context)).rejects.toThrow('the bot is away')
})
