import type { MessageIssue } from '@alarm-bus/contracts'
import { copiedLines } from '../codec/copied-headers.ts'
import { firstValue, readHeaderBlock } from '../codec/header-block.ts'
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
import {
  deadLetterPartSubject,
  deadLetterShareSubject,
  deadLetterSharesStreamName,
  deadLetterStreamName,
  deadLetterSubject,
} from '../streams/companion-streams.ts'
import type { DeadLetterReason } from './dead-letter-reason.ts'
import { RedriveHeader } from './redrive-headers.ts'

/** Characters kept of an error's text and of the issues; fewer where the message leaves less. */
const MAX_ERROR_CHARACTERS = 2_000
const MAX_ISSUES_CHARACTERS = 8_000
const FEW_CHARACTERS = 200
/** The share of the broker's limit that the original's header lines may take among the letter's own. */
const ORIGINAL_LINES_SHARE = 1 / 8
/** Bytes that the letter's own headers take at most, with few characters of the error. */
const MAX_OWN_BYTES = 4 * 1024
/** Bytes of those that are the same for every letter: where it has to be stored, and on which conditions. */
const OWN_MARGIN_BYTES = 1024
/** How long a letter is tried to be stored in its consumer's share, which a broker may not have yet. */
const SHARE_BUDGET_MS = 2_000

export interface DeadLetterContent {
  readonly reason: DeadLetterReason
  readonly error: string
  readonly issues: readonly MessageIssue[]
  readonly channel: string
  readonly subject: string
  readonly stream: string
  readonly seq: number
  /** When the message was stored that was delivered: a redriven one is a copy. Nanoseconds of the Unix epoch. */
  readonly letterNanos: string
  readonly consumer: string
  readonly deliveryCount: number
  /** Of a redriven message: how often, and what it was before. */
  readonly redriven?:
    | { readonly count: number; readonly stream: string; readonly seq: number; readonly storedNanos: string }
    | undefined
  /** The original as it came; `undefined` when it left the stream before it could be kept. */
  readonly original: { readonly data: Uint8Array; readonly headerBytes: Uint8Array | undefined } | undefined
}

/**
 * Stores the original's bytes, header block and body, with what happened to them; resolves once the broker has stored
 * them, or has the letter of this stream, sequence and consumer already. What exceeds the broker's `max_payload` together
 * with the letter's own headers is stored in parts, the last of which is the letter.
 *
 * Where the stream of dead letters is full, and `sender` takes that for an answer, a letter that needs no parts goes to
 * its consumer's share.
 *
 * @throws KitError as `StoredSender.send` does.
 */
export async function storeDeadLetter(
  connection: Connection,
  sender: StoredSender,
  letter: DeadLetterContent,
): Promise<void> {
  const { channel, consumer, stream, seq, deliveryCount: deliveries, reason, error, issues } = letter
  const detail = { channel, consumer, stream, seq, deliveries, reason, error }
  const subject = deadLetterSubject(stream, consumer, seq, letter.letterNanos)
  const { lines, bytes, parts } = fitted(connection, letter)
  const store = async (): Promise<boolean> => {
    for (const { range, bytes: part } of parts) {
      const partSubject = deadLetterPartSubject(stream, consumer, seq, letter.letterNanos, range)
      await storeOnce(sender, partSubject, '', part, stream)
    }
    return storeOnce(sender, subject, lines, bytes, stream)
  }
  let isNew: boolean
  try {
    isNew = await store()
  } catch (failure) {
    if (!KitError.is(failure) || failure.brokerCode !== JetStreamCode.StreamFull || parts.length > 0) throw failure
    isNew = await storeInShare(sender, letter, lines, bytes, failure)
  }
  if (!isNew) {
    connection.logger.info({ event: 'deadLetterKnown', ...detail }, 'dead letter is stored already')
    return
  }
  const requestId = letter.original && firstValue(readHeaderBlock(letter.original.headerBytes), HeaderName.RequestId)
  connection.logger.error(
    { event: 'deadLetterStored', ...detail, requestId, issues },
    'message cannot be handled; stored as a dead letter',
  )
  connection.events.emit('deadLetterStored', detail)
}

/**
 * False when the subject holds a message already: the letter of an earlier delivery, whose end the broker did not hear or
 * forgot when it was killed. Whatever else stands there was written with this consumer's own right.
 */
async function storeOnce(
  sender: StoredSender,
  subject: string,
  lines: string,
  bytes: Uint8Array,
  stream: string,
): Promise<boolean> {
  const headers = expectedStream(stream) + headerLine(HeaderName.ExpectedLastSubjectSequence, 0) + lines
  try {
    await sender.send(subject, new EncodedHeaders(headers), bytes)
    return true
  } catch (failure) {
    if (KitError.is(failure) && failure.brokerCode === JetStreamCode.WrongLastSequence) return false
    throw KitError.from(failure)
  }
}

/** False when it is there already, as far back as the broker remembers ids. */
async function storeInShare(
  sender: StoredSender,
  { stream, consumer, seq, letterNanos }: DeadLetterContent,
  lines: string,
  bytes: Uint8Array,
  full: KitError,
): Promise<boolean> {
  const headers =
    headerLine(HeaderName.ExpectedStream, deadLetterSharesStreamName(stream)) +
    headerLine(HeaderName.MessageId, deadLetterSubject(stream, consumer, seq, letterNanos)) +
    headerLine(DeadLetterHeader.StoredNanos, letterNanos) +
    lines
  try {
    const subject = deadLetterShareSubject(stream, consumer)
    const { duplicate, attempts } = await sender.send(subject, new EncodedHeaders(headers), bytes, SHARE_BUDGET_MS)
    return !duplicate || attempts > 1
  } catch (failure) {
    const { code, brokerCode, message } = KitError.from(failure)
    throw new KitError(code, `${full.message}; nor is there room in the consumer's share: ${message}`, {
      cause: failure,
      ...(brokerCode === undefined ? {} : { brokerCode }),
    })
  }
}

function expectedStream(stream: string): string {
  return headerLine(HeaderName.ExpectedStream, deadLetterStreamName(stream))
}

interface Fitted {
  readonly lines: string
  readonly bytes: Uint8Array
  /** What is stored before the letter. */
  readonly parts: readonly { readonly range: string; readonly bytes: Uint8Array }[]
}

/** The letter within the broker's limit: first with less of the texts, then in parts. */
function fitted({ client, name }: Connection, letter: DeadLetterContent): Fitted {
  const maxPayload = client.info?.max_payload ?? Number.MAX_SAFE_INTEGER
  const { original } = letter
  // Its header block is part of the body where it cannot be written again, or would leave no space for the letter's own.
  const copied = copiedLines(original?.headerBytes, ORIGINAL_PREFIX, maxPayload * ORIGINAL_LINES_SHARE)
  const block = copied === undefined ? original?.headerBytes : undefined
  const data = original?.data ?? new Uint8Array()
  const bytes = block === undefined ? data : Buffer.concat([block, data])
  const blockLine = block === undefined ? '' : headerLine(DeadLetterHeader.HeaderBytes, block.length)
  const kept = (copied ?? '') + blockLine
  for (const characters of [MAX_ERROR_CHARACTERS, FEW_CHARACTERS]) {
    const lines = kept + ownLines(letter, name, characters)
    if (Buffer.byteLength(lines) + OWN_MARGIN_BYTES + bytes.length <= maxPayload) return { lines, bytes, parts: [] }
  }
  // Each part is called after its bytes: those of an attempt under another limit are not taken for these.
  const space = Math.max(1, maxPayload - Buffer.byteLength(kept) - MAX_OWN_BYTES)
  const parts: { readonly range: string; readonly bytes: Uint8Array }[] = []
  let from = 0
  for (; bytes.length - from > space; from += space) {
    parts.push({ range: `${from}-${from + space}`, bytes: bytes.subarray(from, from + space) })
  }
  const ranges = parts.map(({ range }) => range).join(' ')
  const lines = kept + ownLines(letter, name, FEW_CHARACTERS) + headerLine(DeadLetterHeader.Parts, ranges)
  return { lines, bytes: bytes.subarray(from), parts }
}

function ownLines(letter: DeadLetterContent, app: string, characters: number): string {
  const { issues, redriven } = letter
  const issuesText = issues.length === 0 || characters <= FEW_CHARACTERS ? '' : issuesValue(issues)
  return (
    headerLine(DeadLetterHeader.Reason, letter.reason) +
    headerLine(DeadLetterHeader.Error, headerValue(letter.error, characters)) +
    headerLine(DeadLetterHeader.App, app) +
    headerLine(DeadLetterHeader.Consumer, letter.consumer) +
    headerLine(DeadLetterHeader.Channel, letter.channel) +
    headerLine(DeadLetterHeader.Deliveries, letter.deliveryCount) +
    headerLine(DeadLetterHeader.Stream, letter.stream) +
    headerLine(DeadLetterHeader.Sequence, letter.seq) +
    headerLine(DeadLetterHeader.Subject, letter.subject) +
    headerLine(DeadLetterHeader.Time, new Date().toISOString()) +
    (letter.original === undefined ? headerLine(DeadLetterHeader.Lost, 'true') : '') +
    (issuesText === '' ? '' : headerLine(DeadLetterHeader.Issues, issuesText)) +
    (redriven === undefined
      ? ''
      : headerLine(RedriveHeader.Count, redriven.count) +
        headerLine(RedriveHeader.Stream, redriven.stream) +
        headerLine(RedriveHeader.Sequence, redriven.seq) +
        headerLine(RedriveHeader.StoredNanos, redriven.storedNanos))
  )
}

/** Whole issues only, so that the value stays JSON. */
function issuesValue(issues: readonly MessageIssue[]): string {
  const kept: MessageIssue[] = []
  let characters = 2
  for (const issue of issues) {
    characters += JSON.stringify(issue).length + 1
    if (characters > MAX_ISSUES_CHARACTERS) break
    kept.push(issue)
  }
  return JSON.stringify(kept)
}
