import type { StoredMsg } from '@nats-io/jetstream'
import { firstValue, type HeaderBlock, readHeaderBlock } from '../codec/header-block.ts'
import { DeadLetterHeader, ORIGINAL_PREFIX } from '../codec/headers.ts'
import { deadLetterShareSubject } from '../streams/companion-streams.ts'
import { RedriveHeader } from './redrive-headers.ts'
import { storedOriginal } from './stored-original.ts'

/** The numbers of letters in consumers' shares begin here, where no stream's sequence gets to. */
export const SHARES_FROM = 1_000_000_000_000

/** A stored dead letter without its body. */
export interface DeadLetterEntry {
  /**
   * The letter's number, what it is shown and discarded by: its own sequence in the stream of dead letters, or
   * {@link SHARES_FROM} and its sequence among those of the consumers' shares.
   */
  readonly seq: number
  /** When the letter was stored. */
  readonly storedAt: Date
  readonly channel: string
  /** Who failed. From the letter's subject, which the broker holds each app to, and not from a header. */
  readonly consumer: string
  readonly reason: string
  readonly error: string
  /** How often the consumer had been given the message. */
  readonly deliveries: number
  /** How often the message was redriven before this letter. */
  readonly redrives: number
  /** Identity of the message itself. */
  readonly original: { readonly stream: string; readonly seq: number; readonly storedNanos: string }
  /** Bytes of the body. */
  readonly size: number
  /** The original left its stream before it could be kept: there is nothing to redrive. */
  readonly lost: boolean
}

/** A dead letter as it is stored: what is known of it, and the original as it came. */
export interface StoredDeadLetter {
  readonly entry: DeadLetterEntry
  readonly subject: string
  /** The letter's own header lines, and the original's where they stand among them. */
  readonly headers: HeaderBlock
  readonly original: {
    /** The header block, byte for byte; undefined where there was none. */
    readonly headerBytes: Uint8Array | undefined
    readonly data: Uint8Array
  }
  /** The ranges of bytes that are stored before it, each a message of its own. */
  readonly parts: readonly string[]
}

/**
 * Reads a letter; undefined for a message that is none, however it came there.
 *
 * @param parts the bytes that were stored before the letter, in order, where it says that there are some.
 */
export function readDeadLetter(stored: StoredMsg, parts: readonly Uint8Array[] = []): StoredDeadLetter | undefined {
  const headers = readHeaderBlock(storedOriginal(stored).original.headerBytes)
  const text = (name: string): string => firstValue(headers, name) ?? ''
  const [root, stream, consumer, ...identity] = stored.subject.split('.')
  const isShare = root === SHARE_ROOT
  const [originalSeq, letterNanos, ...rest] = isShare
    ? [text(DeadLetterHeader.Sequence), text(DeadLetterHeader.StoredNanos), ...identity]
    : identity
  if (!stream || !consumer || !originalSeq || !letterNanos || rest.length > 0) return undefined
  const seq = wholeNumber(originalSeq)
  if (seq === undefined || wholeNumber(letterNanos) === undefined) return undefined
  const original = originalOf(headers, parts.length === 0 ? stored.data : Buffer.concat([...parts, stored.data]))
  const entry: DeadLetterEntry = {
    seq: isShare ? SHARES_FROM + stored.seq : stored.seq,
    storedAt: stored.time,
    channel: text(DeadLetterHeader.Channel),
    consumer,
    reason: text(DeadLetterHeader.Reason),
    error: text(DeadLetterHeader.Error),
    deliveries: wholeNumber(text(DeadLetterHeader.Deliveries)) ?? 0,
    redrives: wholeNumber(text(RedriveHeader.Count)) ?? 0,
    original: {
      stream,
      seq,
      // The letter of a redriven message is called after the copy's time.
      storedNanos: digits(text(RedriveHeader.StoredNanos)) ?? letterNanos,
    },
    size: original.data.length,
    lost: text(DeadLetterHeader.Lost) === 'true',
  }
  return {
    entry,
    subject: stored.subject,
    headers,
    original,
    parts: text(DeadLetterHeader.Parts).split(' ').filter(Boolean),
  }
}

const [SHARE_ROOT] = deadLetterShareSubject('', '').split('.')

/** The original's own lines, or its header block where that is part of the body. */
function originalOf(headers: HeaderBlock, bytes: Uint8Array): StoredDeadLetter['original'] {
  const blockBytes = wholeNumber(firstValue(headers, DeadLetterHeader.HeaderBytes) ?? '')
  if (blockBytes !== undefined && blockBytes <= bytes.length) {
    return { headerBytes: bytes.subarray(0, blockBytes), data: bytes.subarray(blockBytes) }
  }
  let lines = ''
  for (const [name, value] of headers.lines) {
    const original = originalName(name)
    if (original !== undefined) lines += `${original}: ${value}\r\n`
  }
  return { headerBytes: lines === '' ? undefined : Buffer.from(`NATS/1.0\r\n${lines}\r\n`), data: bytes }
}

const OWN_NAMES = new Set<string>(
  [...Object.values(DeadLetterHeader), ...Object.values(RedriveHeader)].map((name) => name.toLowerCase()),
)

/** What a line of the letter was called in the original; undefined for the letter's own. */
function originalName(name: string): string | undefined {
  if (name.toLowerCase().startsWith(ORIGINAL_PREFIX.toLowerCase()))
    return name.slice(ORIGINAL_PREFIX.length) || undefined
  return OWN_NAMES.has(name.toLowerCase()) || /^nats-/i.test(name) ? undefined : name
}

function digits(text: string): string | undefined {
  return /^\d{1,20}$/.test(text) ? text : undefined
}

/** Digits alone, as they become part of a subject. */
export function wholeNumber(text: string): number | undefined {
  return digits(text) === undefined ? undefined : Number(text)
}
