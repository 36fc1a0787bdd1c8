import type { MessageIssue } from '@alarm-bus/contracts'
import {
  DeadLetterHeader,
  EncodedHeaders,
  HeaderName,
  headerLine,
  headerValue,
  ORIGINAL_PREFIX,
} from '../codec/headers.ts'
import type { Connection } from '../connection/connection.ts'
import type { StoredSender } from '../publish/stored-sender.ts'
import { deadLetterStreamName, deadLetterSubject } from '../streams/companion-streams.ts'
import type { Delivery } from './delivery.ts'

/** Characters kept of an error's text and of the issues: headers and body together must fit the broker's payload limit. */
const MAX_ERROR_CHARACTERS = 2_000
const MAX_ISSUES_CHARACTERS = 8_000

/** Why a message could not be handled. */
export type DeadLetterReason = 'invalid_message' | 'deliveries_exhausted'

export interface DeadLetter {
  readonly delivery: Delivery
  readonly reason: DeadLetterReason
  readonly error: string
  readonly issues: readonly MessageIssue[]
}

/**
 * Stores the original bytes and headers with what happened to them; resolves once the broker has stored them. A
 * second letter of the same stream, sequence and consumer within the window is dropped by the broker.
 *
 * @throws KitError as {@link StoredSender.send} does.
 */
export async function storeDeadLetter(
  connection: Connection,
  sender: StoredSender,
  { delivery, reason, error, issues }: DeadLetter,
): Promise<void> {
  const { stream, seq, consumer, deliveryCount, channel, subject } = delivery
  const lines =
    headerLine(HeaderName.MessageId, `${stream}:${seq}:${consumer}`) +
    headerLine(HeaderName.ExpectedStream, deadLetterStreamName(stream)) +
    originalLines(delivery) +
    headerLine(DeadLetterHeader.Reason, reason) +
    headerLine(DeadLetterHeader.Error, headerValue(error, MAX_ERROR_CHARACTERS)) +
    headerLine(DeadLetterHeader.App, connection.name) +
    headerLine(DeadLetterHeader.Consumer, consumer) +
    headerLine(DeadLetterHeader.Channel, channel) +
    headerLine(DeadLetterHeader.Deliveries, deliveryCount) +
    headerLine(DeadLetterHeader.Stream, stream) +
    headerLine(DeadLetterHeader.Sequence, seq) +
    headerLine(DeadLetterHeader.Subject, subject) +
    headerLine(DeadLetterHeader.Time, new Date().toISOString()) +
    (issues.length === 0 ? '' : headerLine(DeadLetterHeader.Issues, issuesValue(issues)))
  await sender.send(deadLetterSubject(stream, consumer), new EncodedHeaders(lines), delivery.message.data)
  const detail = { channel, consumer, stream, seq, deliveries: deliveryCount, reason, error }
  connection.logger.error({ event: 'deadLetterStored', ...detail, issues }, 'message cannot be handled; kept as a dead letter')
  connection.events.emit('deadLetterStored', detail)
}

/** The original headers; those that the server acts on get a prefix, since they must not act on the copy. */
function originalLines(delivery: Delivery): string {
  let lines = ''
  for (const [name, values] of delivery.message.headers ?? []) {
    const kept = /^(nats-|dead-letter-)/i.test(name) ? ORIGINAL_PREFIX + name : name
    for (const value of values) lines += headerLine(kept, headerValue(value, value.length))
  }
  return lines
}

/** Whole issues only, so that the value stays JSON; non-ASCII text is escaped as JSON allows. */
function issuesValue(issues: readonly MessageIssue[]): string {
  const kept: MessageIssue[] = []
  for (const issue of issues) {
    if (JSON.stringify([...kept, issue]).length > MAX_ISSUES_CHARACTERS) break
    kept.push(issue)
  }
  return JSON.stringify(kept)
}
