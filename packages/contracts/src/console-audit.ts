import { z } from 'zod'
import { defineChannel } from './define-channel.ts'
import { defineStream } from './define-stream.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const MAX_TEXT_CHARACTERS = 1_000

export const consoleAudit = defineChannel({
  name: 'console-audit',
  subject: 'console.audit',
  owner: 'alarms',
  description: 'What a person did in the console: one record before it is done, and one of how it ended.',
  schema: z
    .object({
      actionId: z.string().min(1).max(64).describe('The same in all records of one action.'),
      action: z.string().min(1).max(32).describe('redrive, discard, publish, reveal, login.'),
      outcome: z.enum(['begun', 'done', 'failed', 'refused', 'stopped']),
      who: z.string().min(1).max(64),
      role: z.string().min(1).max(32),
      from: z.string().max(64).describe('The client’s address.'),
      target: z.string().max(MAX_TEXT_CHARACTERS).describe('What it was done to.'),
      detail: z.string().max(MAX_TEXT_CHARACTERS),
    })
    .meta({
      examples: [
        {
          actionId: '0d9c1f7a',
          action: 'redrive',
          outcome: 'done',
          who: 'ada',
          role: 'operator',
          from: '192.0.2.7',
          target: 'BASQUIAT_STREAM {"consumer":"log-consumer_alarm-to-log"}',
          detail: '3 redriven',
        },
      ],
    }),
  maxMessageBytes: 8 * 1024,
})

/** Keeps the console's records for 400 days, at most 64 MiB; past a limit the oldest goes. */
export const consoleAuditStream = defineStream({
  name: 'CONSOLE_AUDIT',
  description: 'What people did in the console.',
  channels: [consoleAudit],
  storage: 'file',
  maxAgeMs: 400 * DAY_MS,
  maxMessages: 100_000,
  maxBytes: 64 * 1024 * 1024,
  maxMessageBytes: 16 * 1024,
  discard: 'old',
  allowMessageTtl: false,
  duplicateWindowMs: 2 * 60 * 1000,
})
