import { alarmDelivery, alarmLogged, contracts, defineApp } from '@alarm-bus/contracts'

export const app = defineApp({
  name: 'console',
  owner: 'alarms',
  description: 'Shows people the bus, and lets them redrive and discard dead letters.',
  // The live tail.
  reads: contracts.channels,
  // What became of a message.
  asks: [alarmLogged, alarmDelivery],
})
