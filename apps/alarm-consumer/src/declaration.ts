import { alarmDelivery, alarmToBot, defineApp, sinkTest } from '@alarm-bus/contracts'

export const app = defineApp({
  name: 'alarm-consumer',
  owner: 'alarms',
  description: 'Hands alarms to the people behind the bot, and tells them of dead letters.',
  handles: [alarmToBot],
  onceOnly: true,
  watchesBus: true,
  answers: [alarmDelivery, sinkTest],
})
