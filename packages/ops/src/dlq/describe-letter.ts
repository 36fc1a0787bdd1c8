import type { DeadLetterEntry, RedriveOutcome, StoredDeadLetter } from '@alarm-bus/nats-kit/admin'

const WHY = {
  limit_reached: 'redriven as often as --max-redrives allows; look into it, then allow more or discard it',
  original_lost: 'the original left its stream before it could be kept, so there is nothing to send',
  no_reader: 'this consumer has no reader; start its app once, or discard the letter',
  reader_behind:
    'redriven messages of its app wait unread, and the rest of the room is for others; start the app, then run this again',
  refused: 'the broker does not take it',
} as const

/** One letter on one line. */
export function describeLetter(letter: DeadLetterEntry): string {
  const { seq, storedAt, channel, consumer, reason, error, redrives, lost } = letter
  const marks = [...(redrives > 0 ? [`redriven ${redrives}×`] : []), ...(lost ? ['without body'] : [])]
  const fields = [seq, storedAt.toISOString(), channel, consumer, reason, ...marks]
  return plain(`${fields.join('  ')}${error === '' ? '' : `: ${error}`}`)
}

/** What became of one letter, or would. */
export function describeOutcome(outcome: RedriveOutcome, dryRun: boolean): string {
  const { letter } = outcome
  const who = `${letter.seq} → ${letter.consumer}`
  if (outcome.action === 'skipped') return plain(`left      ${who}: ${outcome.detail ?? WHY[outcome.why]}`)
  if (outcome.action === 'finished') {
    return plain(`${dryRun ? 'would end' : 'ended    '} ${who}: an earlier run had sent it and not removed the letter`)
  }
  return plain(
    `${dryRun ? 'would go ' : 'redriven '} ${who}: ${letter.reason}${letter.error === '' ? '' : `: ${letter.error}`}`,
  )
}

/** A letter with all that is known of it. */
export function describeStored({ entry, headers, original: { data } }: StoredDeadLetter): readonly string[] {
  const { stream, seq } = entry.original
  return [
    describeLetter(entry),
    `  original: ${stream} ${seq}, deliveries: ${entry.deliveries}, bytes: ${entry.size}`,
    ...headers.lines.map(([name, value]) => `  ${name}: ${value}`),
    '',
    bodyOf(data).body,
  ].map(plain)
}

export function storedAsJson({ entry, headers, original: { data } }: StoredDeadLetter): object {
  const byName = new Map<string, string[]>()
  for (const [name, value] of headers.lines) byName.set(name, [...(byName.get(name) ?? []), value])
  return { ...entry, headers: Object.fromEntries(byName), ...bodyOf(data) }
}

function bodyOf(data: Uint8Array): { readonly body: string; readonly bodyEncoding: 'utf8' | 'base64' } {
  try {
    return { body: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data), bodyEncoding: 'utf8' }
  } catch {
    return { body: Buffer.from(data).toString('base64'), bodyEncoding: 'base64' }
  }
}

/** What came over the wire must not steer the terminal that it is shown on. */
function plain(text: string): string {
  return text.replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, '�')
}
