import type { MessageIssue } from '@alarm-bus/contracts'
import type { LogLine } from './collect-logs.ts'

/** What became of one delivery. Fields that do not belong to its outcome are absent. */
export interface DeliveryReport {
  /**
   * `ack`: handled, it is not redelivered. `nak`: it is redelivered after `delayMs`. `deadLetter`: kept with `reason`, it
   * is not redelivered. A handler that runs on after `maxHandlerMs` and `handlerGraceMs` counts as one that failed.
   */
  readonly outcome: 'ack' | 'nak' | 'deadLetter'
  /** What the broker was told, as it goes over the wire: `+ACK`, `-NAK {"delay":1000000000}`, `+TERM invalid_message`. */
  readonly verdict: string
  /** How long the message waits before it is redelivered, in milliseconds. */
  readonly delayMs?: number
  /** Why it is a dead letter: one of `DeadLetterReason`. */
  readonly reason?: string
  /** What failed, in words. */
  readonly error?: string
  /** What is wrong with a message that does not fit its channel; `[]` for another reason. */
  readonly issues?: readonly MessageIssue[]
  /** The dead letter as it is stored: the original's bytes and headers with those that say what happened. */
  readonly letter?: StoredLetter
  /** How often the broker was told that the handler still runs. */
  readonly inProgress: number
  /** What the kit and, through its context, the handler logged. */
  readonly logs: readonly LogLine[]
}

export interface StoredLetter {
  readonly subject: string
  readonly headers: Readonly<Record<string, string>>
  readonly data: Uint8Array
}
