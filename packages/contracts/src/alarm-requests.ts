import { z } from 'zod'
import { defineRequest } from './define-request.ts'

/** A person waits for the answers, so they come soon or not at all. */
const TIMEOUT_MS = 1_000
/** Characters of an id, as a publisher may choose it. */
const MAX_ID_CHARACTERS = 128
const MAX_SINKS = 32
const MAX_ERROR_CHARACTERS = 500

const id = z.string().min(1).max(MAX_ID_CHARACTERS).describe('The message id, as the publisher was told it.')
const channel = z.string().min(1).max(64).describe('The channel’s name.')
const stored = z
  .object({
    stream: z.string().min(1).max(64),
    seq: z.int().min(1),
    storedAtMs: z.int().min(0).describe('When the broker stored it, in milliseconds of the Unix epoch.'),
  })
  .describe('Where the broker stored the message.')

export const alarmLogged = defineRequest({
  name: 'alarm-logged',
  subject: 'ask.alarm.logged',
  owner: 'alarms',
  description: 'Whether an alarm is written down, and where the broker stored it.',
  request: z.object({ channel, id }).meta({ examples: [{ channel: 'alarm-to-bot', id: 'backup-2026-11-30' }] }),
  response: stored,
  errors: {
    unknown_message: z.object({}).describe('No log of this id: not yet, or no longer.'),
    store_unavailable: z.object({}).describe('The database cannot be used now.'),
  },
  timeoutMs: TIMEOUT_MS,
})

export const alarmDelivery = defineRequest({
  name: 'alarm-delivery',
  subject: 'ask.alarm.delivery',
  owner: 'alarms',
  description: 'What became of an alarm on its way to people: sent where, tried again when, given up why.',
  request: z
    .object({ channel, id, stored: stored.optional() })
    .meta({ examples: [{ channel: 'alarm-to-bot', id: 'backup-2026-11-30' }] }),
  response: z.object({
    state: z.enum(['running', 'delivered', 'retrying', 'dead-letter']),
    deliveries: z.int().min(1).optional().describe('How often it was tried; absent where only its records tell of it.'),
    sinks: z
      .array(
        z.object({
          name: z.string(),
          state: z.enum(['sent', 'sending', 'failed', 'open']),
          atMs: z.int().min(0).optional().describe('Since when.'),
          error: z.string().max(MAX_ERROR_CHARACTERS).optional(),
        }),
      )
      .max(MAX_SINKS),
    retryAtMs: z.int().min(0).optional().describe('When it is tried again.'),
    error: z.string().max(MAX_ERROR_CHARACTERS).optional().describe('Why it is tried again, or was given up.'),
  }),
  errors: {
    unknown_message: z.object({}).describe('This instance has not seen the message, and no record of it exists.'),
    other_channel: z.object({}).describe('Messages of this channel go to no people.'),
  },
  timeoutMs: TIMEOUT_MS,
})
