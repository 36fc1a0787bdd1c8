import type { MessageIssue } from '@alarm-bus/contracts'
import { DeadLetterReason } from '../dead-letters/dead-letter.ts'
import { DeadLetter, UpcastFailed } from './verdicts.ts'

/** Why a message becomes a dead letter. */
export interface Burial {
  readonly reason: DeadLetterReason
  readonly issues: readonly MessageIssue[]
}

/** Whether what a handler threw ends its message; undefined when the message may come again. */
export function burialOf(error: unknown, deliveries: number, maxDeliver: number): Burial | undefined {
  if (error instanceof UpcastFailed) return { reason: DeadLetterReason.UpcastFailed, issues: error.issues }
  if (error instanceof DeadLetter) return { reason: DeadLetterReason.HandlerGaveUp, issues: [] }
  if (deliveries >= maxDeliver) return { reason: DeadLetterReason.DeliveriesExhausted, issues: [] }
  return undefined
}
