import type { MessageIssue } from '@alarm-bus/contracts'

/** Thrown by a handler: deliver the message again after this long, whatever the retry policy says. It counts as a delivery. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater'
  readonly delayMs: number

  /** @param delayMs milliseconds from 0 to a day; anything else is cut to that. */
  constructor(delayMs: number, reason = 'the handler asked for a later delivery') {
    super(reason)
    this.delayMs = Math.min(86_400_000, Math.max(0, Math.round(delayMs) || 0))
  }
}

/** Thrown by a handler: no further delivery can help; keep the message as a dead letter now. */
export class DeadLetter extends Error {
  override readonly name = 'DeadLetter'

  /** @param reason what a person who reads the dead letters should know. */
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options)
  }
}

/** Thrown in place of a handler that never ran: its message, of an older version, could not be brought to its own. */
export class UpcastFailed extends DeadLetter {
  readonly issues: readonly MessageIssue[]

  constructor(reason: string, issues: readonly MessageIssue[]) {
    super(reason)
    this.issues = issues
  }
}
