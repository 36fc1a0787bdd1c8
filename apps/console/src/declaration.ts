import { alarmDelivery, alarmLogged, consoleAudit, contracts, defineApp } from '@alarm-bus/contracts'

export const app = defineApp({
  name: 'console',
  owner: 'alarms',
  description: 'Shows people the bus, and lets them redrive and discard dead letters.',
  // Who did what in the console.
  publishes: [consoleAudit],
  operatesBus: true,
  // The live tail, and the console's own records.
  reads: contracts.channels,
  // What became of a message.
  asks: [alarmLogged, alarmDelivery],
})
