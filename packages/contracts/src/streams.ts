import { alarmToBot, alarmToLog } from './alarms.ts'
import { defineStream } from './define-stream.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** Keeps a week of alarms, at most 100,000 messages and 1 GiB; past a limit the oldest goes. */
export const basquiatStream = defineStream({
  name: 'BASQUIAT_STREAM',
  description: 'Alarms for the bot and for the log.',
  channels: [alarmToBot, alarmToLog],
  scheduled: [alarmToBot],
  storage: 'file',
  maxAgeMs: 7 * DAY_MS,
  maxMessages: 100_000,
  maxBytes: 1024 * 1024 * 1024,
  discard: 'old',
  allowMessageTtl: true,
  duplicateWindowMs: 2 * 60 * 1000,
})
