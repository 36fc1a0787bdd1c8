import { alarmDelivery, alarmLogged, alarmToBot, contracts, defineApp } from '@alarm-bus/contracts'

export const app = defineApp({
  name: 'producer',
  owner: 'alarms',
  description: 'Takes alarms over HTTP and stores them on the bus.',
  // A route for each channel there is.
  publishes: contracts.channels,
  // `?deliverAt=` and `?delaySeconds=`.
  schedules: [alarmToBot],
  idempotency: true,
  // What became of a message.
  asks: [alarmLogged, alarmDelivery],
})
