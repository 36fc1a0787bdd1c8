import {
  alarmDelivery,
  alarmLogged,
  alarmToBot,
  consoleAudit,
  contracts,
  defineApp,
  sinkTest,
} from '@alarm-bus/contracts'

export const app = defineApp({
  name: 'producer',
  owner: 'alarms',
  description: 'Takes alarms over HTTP and stores them on the bus.',
  // A route for each channel there is. What the console says of people is the console's alone.
  publishes: contracts.channels.filter((channel) => channel !== consoleAudit),
  // `?deliverAt=` and `?delaySeconds=`.
  schedules: [alarmToBot],
  idempotency: true,
  // What became of a message, and whether a sink takes a test alarm.
  asks: [alarmLogged, alarmDelivery, sinkTest],
})
