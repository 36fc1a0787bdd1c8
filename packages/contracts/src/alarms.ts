import { z } from 'zod'
import { defineChannel } from './define-channel.ts'

/** Characters of one alarm's text. Chat services cut at 2,000 to 40,000; 4,000 is more than a person reads. */
const MAX_TEXT_CHARACTERS = 4_000
/** Characters of the free part of a log alarm: a stack trace fits, and so does the whole, six bytes a character at worst, in 64 KiB. */
const MAX_EXTRA_CHARACTERS = 6_000

const text = z.string().min(1).max(MAX_TEXT_CHARACTERS).describe('The alarm as a person reads it.')

export const alarmToBot = defineChannel({
  name: 'alarm-to-bot',
  subject: 'alarm.to.bot',
  owner: 'alarms',
  description: 'An alarm for the people behind the bot.',
  schema: z.object({ message: text }).meta({ examples: [{ message: 'Disk is full on db-1' }] }),
})

export const alarmToLog = defineChannel({
  name: 'alarm-to-log',
  subject: 'alarm.to.log',
  owner: 'alarms',
  description: 'An alarm that is only written down.',
  schema: z
    .object({
      message: text,
      extra: z.string().max(MAX_EXTRA_CHARACTERS).optional().describe('Anything that helps the reader of the log.'),
    })
    .meta({ examples: [{ message: 'Nightly backup done', extra: '1,204 files in 73 s' }] }),
})
