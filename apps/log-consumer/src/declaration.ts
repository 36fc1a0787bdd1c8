import { alarmLogged, alarmToBot, alarmToLog, defineApp } from '@alarm-bus/contracts'

export const app = defineApp({
  name: 'log-consumer',
  owner: 'alarms',
  description: 'Writes down the alarms of both channels.',
  handles: [alarmToBot, alarmToLog],
  answers: [alarmLogged],
})
