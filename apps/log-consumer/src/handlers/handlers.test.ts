import type { MessageContext } from '@alarm-bus/nats-kit'
import { REQUEST_ID_HEADER } from '@alarm-bus/service'
import { expect, test } from 'vitest'
import type { AlarmRecord } from '../store/alarm-store.ts'
import { alarmToBotHandler } from './alarm-to-bot.ts'
import { alarmToLogHandler } from './alarm-to-log.ts'

const identity = { id: 'id-1', stream: 'S', seq: 7, storedAt: new Date(0), deliveryCount: 2 }
const headers: Readonly<Record<string, string>> = { [REQUEST_ID_HEADER]: 'request-1' }
const contextOf = (channel: string) =>
  ({ channel, ...identity, header: (name: string) => headers[name] }) as unknown as MessageContext

test('the store gets the alarms of both channels with their identity', async () => {
  const saved: AlarmRecord[] = []
  const store = { save: async (record: AlarmRecord) => void saved.push(record) }
  await alarmToBotHandler(store).handle({ message: 'fire' }, contextOf('alarm-to-bot'))
  await alarmToLogHandler(store).handle({ message: 'smoke', extra: 'where' }, contextOf('alarm-to-log'))
  expect(saved).toEqual([
    { channel: 'alarm-to-bot', message: 'fire', requestId: 'request-1', ...identity },
    { channel: 'alarm-to-log', message: 'smoke', extra: 'where', requestId: 'request-1', ...identity },
  ])
})

test.each([alarmToBotHandler, alarmToLogHandler])(
  'a store that fails fails the delivery, so that the alarm is redelivered',
  async (create) => {
    const handler = create({ save: () => Promise.reject(new Error('the store is full')) })
    await expect(handler.handle({ message: 'fire' }, contextOf('any'))).rejects.toThrow('the store is full')
  },
)
