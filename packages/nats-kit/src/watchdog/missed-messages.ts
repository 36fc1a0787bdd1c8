import type { StreamInfo } from '@nats-io/jetstream'

/** How many sequences have left the stream. */
export function goneOf({ state }: StreamInfo): number {
  return state.last_seq - state.messages
}

/** What was known of a consumer and its stream at one moment. */
export interface Position {
  /** The stream's last sequence, read after the consumer's numbers. */
  readonly lastSeq: number
  /** Sequences that had left the stream by then. */
  readonly gone: number
  /** The consumer's own messages that waited. */
  readonly unread: number
  /** Deliveries so far, and the stream sequence of the last first one. */
  readonly deliveries: number
  readonly deliveredSeq: number
  /** The first sequence that the stream held. Unknown of a note that an older kit left. */
  readonly firstSeq?: number
}

/** What is found later: the stream first, the consumer after it, so that what arrives in between can hide a loss and never feign one. */
export interface Finding {
  readonly stream: {
    readonly firstSeq: number
    readonly lastSeq: number
    readonly messages: number
    /** Whether every message of the stream is the consumer's. */
    readonly alone: boolean
  }
  readonly consumer: { readonly unread: number; readonly deliveries: number; readonly deliveredSeq: number }
}

export interface Missed {
  /** Sequences between which the missed ones lie. */
  readonly from: number
  readonly to: number
  /** Proven. */
  readonly atLeast: number
  readonly atMost: number
}

/**
 * What a consumer missed since an earlier position.
 *
 * What waited then and what arrived since was delivered, or waits, or left the stream unseen. All but the arrivals is
 * known. Alone in its stream a consumer's arrivals are the stream's. Beside others none of them counts for certain: only
 * what waited then does, less every delivery since, less what may still wait.
 */
export function missedSince(before: Position, { stream, consumer }: Finding): Missed {
  const delivered = Math.max(0, consumer.deliveries - before.deliveries)
  const arrived = Math.max(0, stream.lastSeq - before.lastSeq)
  const atLeast = stream.alone
    ? before.unread + arrived - delivered - consumer.unread
    : // Once the stream begins after the last sequence of then, nothing of then waits any more.
      before.unread - delivered - (stream.firstSeq > before.lastSeq ? 0 : consumer.unread)
  const leftStream = stream.lastSeq - stream.messages - before.gone
  // A delivery may have been a repeated one, so it does not lessen what may have been missed.
  const atMost = Math.min(before.unread + arrived - consumer.unread, leftStream)
  return bounded(before.unread > 0 ? before.deliveredSeq + 1 : before.lastSeq + 1, stream, atLeast, atMost)
}

/**
 * What a consumer that is alone in its stream has missed, of what it has not come to yet: every sequence behind its
 * position was its own, so each that is not there was missed.
 */
export function missedAhead({ stream, consumer }: Finding): Missed {
  const missed = stream.lastSeq - consumer.deliveredSeq - consumer.unread
  return bounded(consumer.deliveredSeq + 1, stream, missed, missed)
}

/**
 * What left the stream of what came after the earlier position and was never looked at: dropped at its beginning, or
 * taken out between messages that stay, by a purge or their time to live. Beside other channels it cannot be known
 * whose it was. A purge moves the consumer past what it took, so its position says nothing; its deliveries do.
 */
export function leftUnseen(before: Position, finding: Finding): Omit<Missed, 'atLeast'> | undefined {
  const { stream, consumer } = finding
  if (stream.alone) return undefined
  const from = Math.max(before.lastSeq, before.deliveredSeq) + 1
  const dropped = Math.max(0, stream.firstSeq - from)
  const arrived = stream.lastSeq - Math.max(from, stream.firstSeq) + 1
  const taken = Math.max(0, Math.min(takenSince(before, finding), arrived))
  const delivered = Math.max(0, consumer.deliveries - before.deliveries)
  if (dropped + taken <= delivered) return droppedUnseen(before, finding)
  return { from, to: taken > 0 ? stream.lastSeq : stream.firstSeq - 1, atMost: dropped + taken }
}

/** Messages that were taken out between others since the earlier position, at most. */
function takenSince(before: Position, { stream }: Finding): number {
  const missing = stream.lastSeq - stream.firstSeq + 1 - stream.messages
  // Once the stream begins after the last sequence of then, what is missing in between is all of what came since.
  if (stream.firstSeq > before.lastSeq) return missing
  // What a note of an older kit does not say is no reason for a doubt.
  return before.firstSeq === undefined ? 0 : missing - (before.gone - (before.firstSeq - 1))
}

/** What the stream dropped at its beginning of what came after the earlier position and was never looked at. */
export function droppedUnseen(before: Position, { stream, consumer }: Finding): Omit<Missed, 'atLeast'> | undefined {
  const from = Math.max(before.lastSeq, consumer.deliveredSeq) + 1
  const to = stream.firstSeq - 1
  return stream.alone || to < from ? undefined : { from, to, atMost: to - from + 1 }
}

function bounded(from: number, { firstSeq, lastSeq }: Finding['stream'], atLeast: number, atMost: number): Missed {
  // Past the beginning single messages were taken out, by their time to live for instance: they may be anywhere.
  const to = firstSeq > from ? firstSeq - 1 : lastSeq
  const certain = Math.max(0, atLeast)
  return { from, to, atLeast: certain, atMost: Math.max(certain, atMost) }
}
