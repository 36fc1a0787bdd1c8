import type { MessageIssue } from '@alarm-bus/contracts'
import { DeadLetterReason } from '../dead-letters/dead-letter-reason.ts'
import { errorText } from '../errors.ts'
import { DeadLetter, RetryLater, UpcastFailed } from './handler-errors.ts'

/** How one delivery of a message ended, or why it never began. */
export type Outcome =
  | { readonly kind: 'handled' }
  /** Not JSON, or not what the channel's schema allows. */
  | { readonly kind: 'invalid'; readonly issues: readonly MessageIssue[] }
  /** The handler threw or rejected. */
  | { readonly kind: 'failed'; readonly error: unknown }
  /** The handler was told to stop and ran on. */
  | { readonly kind: 'hung'; readonly ranMs: number }
  /** As often as `maxUnsettled` allows the message was delivered and not answered; it ran in some of these deliveries. */
  | { readonly kind: 'unsettled' }
  /** The handler did not begin: the app stops, or cannot begin it now. */
  | { readonly kind: 'not_run'; readonly delayMs: number }

/** What is known of the message when its delivery ends. */
export interface DeliveryFacts {
  /** As the broker counts. */
  readonly deliveryCount: number
  /** Deliveries that failed, this one included if it did. Those of other processes count as failed: nobody knows. */
  readonly failures: number
  /** Milliseconds until the message leaves its stream by its own or the stream's age limit. */
  readonly leavesInMs: number
}

/** Where consumers differ. The same for an app's own consumer and for the one of redriven messages. */
export interface SettlePolicy {
  /** Failures of a message, after which it becomes a dead letter. */
  readonly maxDeliver: number
  /** The wait after a failure, a whole number of milliseconds. Never throws. */
  retryDelayMs(failures: number, error: unknown): number
}

/** What becomes of the message. */
export type Verdict =
  | { readonly kind: 'ack' }
  | { readonly kind: 'retry'; readonly delayMs: number; readonly error: string }
  | {
      readonly kind: 'dead_letter'
      readonly reason: DeadLetterReason
      readonly error: string
      readonly issues: readonly MessageIssue[]
    }
  /** Redelivered, to this instance or another. */
  | { readonly kind: 'give_back'; readonly delayMs: number }

const ACK: Verdict = { kind: 'ack' }

/** The one rule of what a message's end is. Depends on nothing but its arguments, and the policy's function. */
export function decide(facts: DeliveryFacts, outcome: Outcome, policy: SettlePolicy): Verdict {
  switch (outcome.kind) {
    case 'handled':
      return ACK
    case 'not_run':
      return { kind: 'give_back', delayMs: outcome.delayMs }
    case 'invalid': {
      const where = outcome.issues.map((issue) => `${issue.path || '/'}: ${issue.message}`).join('; ')
      return deadLetter(DeadLetterReason.InvalidMessage, where, outcome.issues)
    }
    case 'unsettled':
      return deadLetter(
        DeadLetterReason.NeverSettled,
        `no verdict after ${facts.deliveryCount - 1} deliveries: each time the process died or hung while the message was handled`,
      )
    case 'hung': {
      const error = `the handler ran for ${outcome.ranMs} ms and did not heed its signal`
      return failure(facts, policy, new Error(error), DeadLetterReason.NeverSettled)
    }
    case 'failed': {
      const { error } = outcome
      if (error instanceof UpcastFailed)
        return deadLetter(DeadLetterReason.UpcastFailed, errorText(error), error.issues)
      if (error instanceof DeadLetter) return deadLetter(DeadLetterReason.HandlerGaveUp, errorText(error))
      // A wait that the handler asks for is no failure, however often it asks.
      if (error instanceof RetryLater) return retry(facts, error.delayMs, errorText(error))
      return failure(facts, policy, error, DeadLetterReason.DeliveriesExhausted)
    }
  }
}

function failure(facts: DeliveryFacts, policy: SettlePolicy, error: unknown, atTheLast: DeadLetterReason): Verdict {
  if (facts.failures >= policy.maxDeliver) return deadLetter(atTheLast, errorText(error))
  return retry(facts, policy.retryDelayMs(facts.failures, error), errorText(error))
}

/** A message that would be gone by its next delivery is kept now, while it can be. */
function retry({ leavesInMs }: DeliveryFacts, delayMs: number, error: string): Verdict {
  if (delayMs < leavesInMs) return { kind: 'retry', delayMs, error }
  const why = `its time to live ends before the next delivery in ${delayMs} ms: ${error}`
  return deadLetter(DeadLetterReason.ExpiresBeforeRetry, why)
}

function deadLetter(reason: DeadLetterReason, error: string, issues: readonly MessageIssue[] = []): Verdict {
  return { kind: 'dead_letter', reason, error, issues }
}
