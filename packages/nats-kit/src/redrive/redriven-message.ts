import { headers as makeHeaders, type MsgHdrs } from '@nats-io/transport-node'
import { EncodedHeaders, HeaderName, headerLine, headerValue, ORIGINAL_PREFIX } from '../codec/headers.ts'
import { redriveStreamName, redriveSubject } from '../streams/companion-streams.ts'
import type { DeadLetterEntry, StoredDeadLetter } from '../dead-letters/dead-letter-entry.ts'
import { REDRIVE_ORIGINAL_PREFIX, RedriveHeader } from './redrive-headers.ts'

const OWN_REDRIVE_HEADERS = new Set<string>(Object.values(RedriveHeader).map((name) => name.toLowerCase()))

/** Where the next copy of a letter's message goes. The same for every attempt at it, and so is the id made of it. */
export function nextSubject({ consumer, original, redrives }: DeadLetterEntry): string {
  return redriveSubject(original.stream, consumer, original.seq, original.storedNanos, redrives + 1)
}

/**
 * The headers that a letter's message is redriven with: the original's, without what the letter added. An original
 * `Nats-*` header stays behind a prefix, since the broker would act on it; the handler is shown it without.
 */
export function redriveHeaders({ entry, headers }: StoredDeadLetter): EncodedHeaders {
  let lines =
    headerLine(HeaderName.MessageId, nextSubject(entry)) +
    headerLine(HeaderName.ExpectedStream, redriveStreamName(entry.original.stream)) +
    headerLine(HeaderName.ExpectedLastSubjectSequence, 0) +
    headerLine(RedriveHeader.Count, entry.redrives + 1) +
    headerLine(RedriveHeader.Stream, entry.original.stream) +
    headerLine(RedriveHeader.Sequence, entry.original.seq) +
    headerLine(RedriveHeader.StoredNanos, entry.original.storedNanos)
  for (const [name, values] of headers) {
    const kept = redrivenName(name)
    if (kept !== undefined) for (const value of values) lines += headerLine(kept, headerValue(value, value.length))
  }
  return new EncodedHeaders(lines)
}

function redrivenName(name: string): string | undefined {
  if (startsWith(name, ORIGINAL_PREFIX)) {
    const original = name.slice(ORIGINAL_PREFIX.length)
    return (/^nats-/i.test(original) ? REDRIVE_ORIGINAL_PREFIX + original : original) || undefined
  }
  if (/^(dead-letter-|nats-)/i.test(name) || OWN_REDRIVE_HEADERS.has(name.toLowerCase())) return undefined
  return name
}

/** The original's headers as its publisher had set them, together with the copy's own `Redrive-*`. */
export function restoredHeaders(redriven: MsgHdrs | undefined): MsgHdrs {
  const restored = makeHeaders()
  for (const [name, values] of redriven ?? []) {
    // The copy's own instructions to the broker.
    if (/^nats-/i.test(name)) continue
    const kept = startsWith(name, REDRIVE_ORIGINAL_PREFIX) ? name.slice(REDRIVE_ORIGINAL_PREFIX.length) : name
    if (kept !== '') for (const value of values) restored.append(kept, value)
  }
  return restored
}

function startsWith(name: string, prefix: string): boolean {
  return name.slice(0, prefix.length).toLowerCase() === prefix.toLowerCase()
}
