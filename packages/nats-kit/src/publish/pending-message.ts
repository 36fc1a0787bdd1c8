import type { EncodedHeaders } from '../codec/headers.ts'
import type { SizedText } from '../codec/sized-text.ts'
import type { KitError } from '../errors.ts'
import type { Waiting } from './in-flight-table.ts'
import { notAcknowledged, notSent } from './send-errors.ts'
import type { StoredAck } from './stored-ack.ts'

/** First wait before another attempt after the broker said "not now"; doubled each time, up to a second. */
const FIRST_RETRY_MS = 50
const MAX_RETRY_MS = 1_000

/** A message that was sent, or is to be, and has neither its ack nor its error. */
export interface PendingMessage extends Waiting {
  readonly subject: string
  readonly payload: Uint8Array | SizedText
  readonly headers: EncodedHeaders
  readonly resolve: (ack: StoredAck) => void
  readonly reject: (error: KitError) => void
  readonly startedAt: number
  /** End of the budget, and of the attempt under way; milliseconds of `performance.now()`. */
  readonly giveUpAt: number
  attemptEndsAt: number
  attempts: number
  /** What the publisher had stored when the message was asked for. */
  readonly storedBefore: number
  /** An attempt had no answer although the broker was connected. */
  unanswered: boolean
  lastTrouble: string | undefined
}

/** The wait before the next attempt, with half of it left to chance. */
export function retryWaitMs(attempts: number): number {
  const backoffMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 10))
  return backoffMs * (0.5 + Math.random() / 2)
}

/** The budget is over, or the connection closed for good. */
export function outOfTime({
  subject,
  attempts,
  startedAt,
  lastTrouble = 'the broker is away',
}: PendingMessage): KitError {
  const waitedMs = Math.round(performance.now() - startedAt)
  if (attempts === 0) return notSent(subject, `${waitedMs} ms, ${lastTrouble}`)
  return notAcknowledged(subject, `${attempts} attempts in ${waitedMs} ms, ${lastTrouble}`)
}
