import type { LetterQuery } from '../../../src/api.ts'

type Reason = NonNullable<LetterQuery['reason']>

/** Held to what the server knows: one that is missing here does not compile. */
const reasons = {
  invalid_message: true,
  deliveries_exhausted: true,
  handler_gave_up: true,
  upcast_failed: true,
  never_settled: true,
  expires_before_retry: true,
  redrive_unread: true,
  terminated_elsewhere: true,
} satisfies Readonly<Record<Reason, true>>

/** Why a letter is dead, in the words of its header. */
export const REASONS = Object.keys(reasons) as readonly Reason[]
