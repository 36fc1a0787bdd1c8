import type { ConsumerIdentity } from './consumer-identity.ts'
import type { Position } from './missed-messages.ts'

/** The key in a consumer's notes under which its position is noted. */
const NOTE_KEY = 'alarm-bus.position'
/** Of which consumer it is; a key of its own, since an older kit takes a longer note for none. */
const CONSUMER_KEY = 'alarm-bus.position-of'

/**
 * A position in a stream's incarnation: a stream that was recreated counts from 1 again. It is kept with the consumer,
 * because the broker remembers of what waited neither how much it was nor up to where the consumer had seen the stream.
 */
export interface PositionNote {
  readonly streamCreated: string
  readonly position: Position
  /** Every message of the consumer up to here was settled. Unknown of a note that an older kit left. */
  readonly settledUpTo?: number
  /** Of which consumer the position is. Unknown of a note that an older kit left. */
  readonly consumer?: ConsumerIdentity
}

/** The note, undefined where there is none that can be read. */
export function readNote(notes: Readonly<Record<string, string>>): PositionNote | undefined {
  const text = notes[NOTE_KEY]
  if (text === undefined) return undefined
  try {
    const [streamCreated, ...numbers] = JSON.parse(text) as [string, ...number[]]
    // Five of an older kit, which in turn takes seven for no note.
    if ((numbers.length !== 5 && numbers.length !== 7) || !numbers.every(Number.isSafeInteger)) return undefined
    const [lastSeq, gone, unread, deliveries, deliveredSeq] = numbers as [number, number, number, number, number]
    const position = { lastSeq, gone, unread, deliveries, deliveredSeq }
    const [, , , , , firstSeq, settledUpTo] = numbers
    if (firstSeq === undefined || settledUpTo === undefined) return { streamCreated, position }
    const consumer = readIdentity(notes[CONSUMER_KEY], lastSeq, settledUpTo)
    return { streamCreated, position: { ...position, firstSeq }, settledUpTo, ...(consumer && { consumer }) }
  } catch {
    return undefined
  }
}

/** Undefined where an older kit has written a later position without it. */
function readIdentity(text: string | undefined, lastSeq: number, settledUpTo: number): ConsumerIdentity | undefined {
  if (text === undefined) return undefined
  try {
    const [notedSeq, notedUpTo, created, wentBack] = JSON.parse(text) as [number, number, string, string | null]
    return notedSeq === lastSeq && notedUpTo === settledUpTo ? { created, wentBack: wentBack ?? undefined } : undefined
  } catch {
    return undefined
  }
}

/** The note as it stands in a consumer's notes. */
export function noteText({ streamCreated, position, settledUpTo = 0, consumer }: PositionNote): Record<string, string> {
  const { lastSeq, gone, unread, deliveries, deliveredSeq, firstSeq = 1 } = position
  const numbers = [lastSeq, gone, unread, deliveries, deliveredSeq, firstSeq, settledUpTo]
  return {
    [NOTE_KEY]: JSON.stringify([streamCreated, ...numbers]),
    ...(consumer && {
      [CONSUMER_KEY]: JSON.stringify([lastSeq, settledUpTo, consumer.created, consumer.wentBack ?? null]),
    }),
  }
}
