import { alarmToBot, alarmToLog, defineApp } from '@alarm-bus/contracts'

export const app = defineApp({
  name: 'log-consumer',
  owner: 'alarms',
  description: 'Stores the alarms of both channels, and answers what was said.',
  handles: [alarmToBot, alarmToLog],
})
