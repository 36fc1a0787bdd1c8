import { copiedLines } from '../codec/copied-headers.ts'
import { firstValue, type HeaderBlock } from '../codec/header-block.ts'
import { DeadLetterHeader, EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import type { DeadLetterEntry, StoredDeadLetter } from '../dead-letters/dead-letter-entry.ts'
import { REDRIVE_ORIGINAL_PREFIX, RedriveHeader } from '../dead-letters/redrive-headers.ts'
import { redriveStreamName, redriveSubject } from '../streams/companion-streams.ts'

const COPY_NAMES = new Set<string>(Object.values(RedriveHeader).map((name) => name.toLowerCase()))

/** Where the next copy of a letter's message goes. The same for every attempt at it, and so is the id made of it. */
export function nextSubject({ consumer, original, redrives }: DeadLetterEntry): string {
  return redriveSubject(original.stream, consumer, original.seq, original.storedNanos, redrives + 1)
}

/**
 * The headers that a letter's message is redriven with: the original's, each that the broker would act on behind a prefix;
 * the handler is shown it without. A header block that cannot be written again goes in front of the body.
 */
export function redriveHeaders({ entry, original, headers }: StoredDeadLetter): EncodedHeaders {
  const subject = firstValue(headers, DeadLetterHeader.Subject)
  const lines = copiedLines(original.headerBytes, REDRIVE_ORIGINAL_PREFIX)
  return new EncodedHeaders(
    headerLine(HeaderName.MessageId, nextSubject(entry)) +
      headerLine(HeaderName.ExpectedStream, redriveStreamName(entry.original.stream)) +
      headerLine(HeaderName.ExpectedLastSubjectSequence, 0) +
      headerLine(RedriveHeader.Count, entry.redrives + 1) +
      headerLine(RedriveHeader.Stream, entry.original.stream) +
      headerLine(RedriveHeader.Sequence, entry.original.seq) +
      headerLine(RedriveHeader.StoredNanos, entry.original.storedNanos) +
      (subject === undefined ? '' : headerLine(RedriveHeader.Subject, subject)) +
      (lines ?? headerLine(RedriveHeader.HeaderBytes, original.headerBytes?.length ?? 0)),
  )
}

/** The body that it is redriven with. */
export function redriveBytes({ original: { headerBytes, data } }: StoredDeadLetter): Uint8Array {
  if (headerBytes === undefined || copiedLines(headerBytes, REDRIVE_ORIGINAL_PREFIX) !== undefined) return data
  return Buffer.concat([headerBytes, data])
}

/** The original as its publisher had sent it, out of a copy's header block and body. */
export function originalOfCopy(
  copy: HeaderBlock,
  bytes: Uint8Array,
): { readonly headerBytes: Uint8Array | undefined; readonly data: Uint8Array } {
  const blockBytes = Number(copy.lines.find(([name]) => name === RedriveHeader.HeaderBytes)?.[1] ?? Number.NaN)
  if (Number.isSafeInteger(blockBytes) && blockBytes > 0 && blockBytes <= bytes.length) {
    return { headerBytes: bytes.subarray(0, blockBytes), data: bytes.subarray(blockBytes) }
  }
  let lines = ''
  for (const [name, value] of copy.lines) {
    // The copy's own instructions to the broker, and what it says of itself.
    if (/^nats-/i.test(name) || COPY_NAMES.has(name.toLowerCase())) continue
    const isPrefixed = name.toLowerCase().startsWith(REDRIVE_ORIGINAL_PREFIX.toLowerCase())
    const original = isPrefixed ? name.slice(REDRIVE_ORIGINAL_PREFIX.length) : name
    if (original !== '') lines += headerLine(original, value)
  }
  return { headerBytes: lines === '' ? undefined : Buffer.from(`NATS/1.0\r\n${lines}\r\n`), data: bytes }
}
