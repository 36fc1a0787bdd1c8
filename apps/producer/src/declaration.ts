import { alarmDelivery, alarmLogged, contracts, defineApp } from '@alarm-bus/contracts'

export const app = defineApp({
  name: 'producer',
  owner: 'alarms',
  description: 'Takes alarms over HTTP and stores them on the bus.',
  // A route for each channel there is.
  publishes: contracts.channels,
  idempotency: true,
  // What became of a message.
  asks: [alarmLogged, alarmDelivery],
})
