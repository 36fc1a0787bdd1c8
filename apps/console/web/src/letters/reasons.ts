import type { LetterQuery } from '../../../src/api.ts'

/** Why a letter is dead, in the words of its header. */
export const REASONS = [
  'invalid_message',
  'deliveries_exhausted',
  'handler_gave_up',
  'upcast_failed',
  'never_settled',
  'expires_before_retry',
  'redrive_unread',
  'terminated_elsewhere',
] as const satisfies readonly NonNullable<LetterQuery['reason']>[]

/** Fails to compile where the server knows a reason that is missing above. */
export type Missing = Exclude<NonNullable<LetterQuery['reason']>, (typeof REASONS)[number]>
export const NONE_MISSING: Missing extends never ? true : never = true
