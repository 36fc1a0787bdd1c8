import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import { ownerTag } from '../consumers/owner-tag.ts'
import type { Position } from './missed-messages.ts'

/** The key in a consumer's metadata under which its position is noted. */
const NOTE_KEY = 'alarm-bus.position'

/**
 * A position in a stream's incarnation: a stream that was made anew counts from 1 again. It is kept with the consumer,
 * because the broker remembers of what waited neither how much it was nor up to where the consumer had seen the stream.
 */
export interface PositionNote {
  readonly streamCreated: string
  readonly position: Position
}

/** The consumer's note, undefined where there is none that can be read. */
export function readNote(info: ConsumerInfo): PositionNote | undefined {
  const text = info.config.metadata?.[NOTE_KEY]
  if (text === undefined) return undefined
  try {
    const [streamCreated, ...numbers] = JSON.parse(text) as [string, ...number[]]
    const [lastSeq, gone, unread, deliveries, deliveredSeq] = numbers
    if (numbers.length !== 5 || !numbers.every(Number.isSafeInteger)) return undefined
    return { streamCreated, position: { lastSeq, gone, unread, deliveries, deliveredSeq } as Position }
  } catch {
    return undefined
  }
}

/** Notes the position; the server lets a consumer's metadata be changed while it delivers. */
export async function writeNote(
  manager: JetStreamManager,
  info: ConsumerInfo,
  app: string,
  note: PositionNote,
): Promise<void> {
  const { lastSeq, gone, unread, deliveries, deliveredSeq } = note.position
  const text = JSON.stringify([note.streamCreated, lastSeq, gone, unread, deliveries, deliveredSeq])
  await manager.consumers.update(info.stream_name, info.name, {
    ...info.config,
    metadata: { ...info.config.metadata, ...ownerTag(app), [NOTE_KEY]: text },
  })
}
