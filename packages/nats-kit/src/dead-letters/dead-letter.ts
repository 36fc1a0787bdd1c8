import type { MessageIssue } from '@alarm-bus/contracts'
import type { MsgHdrs } from '@nats-io/transport-node'
import {
  DeadLetterHeader,
  EncodedHeaders,
  HeaderName,
  headerLine,
  headerValue,
  ORIGINAL_PREFIX,
} from '../codec/headers.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import type { StoredSender } from '../publish/stored-sender.ts'
import { deadLetterStreamName, deadLetterSubject } from '../streams/companion-streams.ts'

/** Characters kept of an error's text and of the issues: headers and body together must fit the broker's payload limit. */
const MAX_ERROR_CHARACTERS = 2_000
const MAX_ISSUES_CHARACTERS = 8_000

/** Why a message could not be handled, as a dead letter says it. */
export const DeadLetterReason = {
  /** Not JSON, or not what the channel's schema allows. */
  InvalidMessage: 'invalid_message',
  /** The handler failed at every delivery. */
  DeliveriesExhausted: 'deliveries_exhausted',
  /** The handler threw `DeadLetter`. */
  HandlerGaveUp: 'handler_gave_up',
  /** A message of an older version could not be brought to the handler's: the upcast threw, or made a wrong shape. */
  UpcastFailed: 'upcast_failed',
  /** Every delivery passed without an answer: the process died, or the handler hung. */
  NeverSettled: 'never_settled',
  /** Something other than the kit terminated it. */
  TerminatedElsewhere: 'terminated_elsewhere',
} as const
export type DeadLetterReason = (typeof DeadLetterReason)[keyof typeof DeadLetterReason]

export interface DeadLetterContent {
  readonly reason: DeadLetterReason
  readonly error: string
  readonly issues: readonly MessageIssue[]
  readonly channel: string
  readonly subject: string
  readonly stream: string
  readonly seq: number
  /** When the original was stored, in nanoseconds of the Unix epoch. */
  readonly storedNanos: string
  readonly consumer: string
  readonly deliveryCount: number
  /** The original; `undefined` when it left the stream before anybody could keep it. */
  readonly original: { readonly data: Uint8Array; readonly headers?: MsgHdrs | undefined } | undefined
}

/**
 * Stores the original bytes and headers with what happened to them; resolves once the broker has stored them, or has
 * the letter of this stream, sequence and consumer already.
 *
 * @throws KitError as `StoredSender.send` does.
 */
export async function storeDeadLetter(
  connection: Connection,
  sender: StoredSender,
  letter: DeadLetterContent,
): Promise<void> {
  const { stream, seq, consumer, deliveryCount, channel, subject, reason, error, issues, original } = letter
  const lines =
    headerLine(HeaderName.ExpectedStream, deadLetterStreamName(stream)) +
    headerLine(HeaderName.ExpectedLastSubjectSequence, 0) +
    originalLines(original?.headers) +
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
    (original === undefined ? headerLine(DeadLetterHeader.Lost, 'true') : '') +
    (issues.length === 0 ? '' : headerLine(DeadLetterHeader.Issues, issuesValue(issues)))
  const detail = { channel, consumer, stream, seq, deliveries: deliveryCount, reason, error }
  try {
    const target = deadLetterSubject(stream, consumer, seq, letter.storedNanos)
    await sender.send(target, new EncodedHeaders(lines), original?.data ?? new Uint8Array())
  } catch (failure) {
    if (!KitError.is(failure) || failure.brokerCode !== JetStreamCode.WrongLastSequence) throw failure
    connection.logger.info({ event: 'deadLetterKnown', ...detail }, 'dead letter is stored already')
    return
  }
  const given = original?.headers
  const requestId = given?.has(HeaderName.RequestId) ? given.get(HeaderName.RequestId) : undefined
  connection.logger.error(
    { event: 'deadLetterStored', ...detail, requestId, issues },
    'message cannot be handled; kept as a dead letter',
  )
  connection.events.emit('deadLetterStored', detail)
}

/** The original headers; those that the server acts on get a prefix, since they must not act on the copy. */
function originalLines(headers: MsgHdrs | undefined): string {
  let lines = ''
  for (const [name, values] of headers ?? []) {
    const kept = /^(nats-|dead-letter-)/i.test(name) ? ORIGINAL_PREFIX + name : name
    for (const value of values) lines += headerLine(kept, headerValue(value, value.length))
  }
  return lines
}

/** Whole issues only, so that the value stays JSON. */
function issuesValue(issues: readonly MessageIssue[]): string {
  const kept: MessageIssue[] = []
  for (const issue of issues) {
    if (JSON.stringify([...kept, issue]).length > MAX_ISSUES_CHARACTERS) break
    kept.push(issue)
  }
  return JSON.stringify(kept)
}
