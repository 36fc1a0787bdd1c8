import { alarmDelivery, alarmToBot, defineApp } from '@alarm-bus/contracts'

export const app = defineApp({
  name: 'alarm-consumer',
  owner: 'alarms',
  description: 'Hands alarms to the people behind the bot.',
  handles: [alarmToBot],
  onceOnly: true,
  answers: [alarmDelivery],
})
