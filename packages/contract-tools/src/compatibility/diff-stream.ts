import { BREAKS_NOBODY, ChangeKind, type Difference, Party } from './difference.ts'
import type { ReleasedStream } from './released.ts'

/** A message may be gone before a consumer comes to it. */
const CONSUMERS: readonly Party[] = [Party.NewConsumer, Party.OldConsumer]
const PRODUCERS: readonly Party[] = [Party.Producer]

/** What a stream's channels lose or gain when it changes; paths begin with `stream.`. */
export function diffStream(before: ReleasedStream, after: ReleasedStream): readonly Difference[] {
  // A full stream that refuses what is new stops publishers; one that drops what is old robs consumers.
  const whenFull = after.discard === 'new' ? PRODUCERS : CONSUMERS
  return [
    ...limit(before, after, 'maxAgeMs', CONSUMERS),
    ...limit(before, after, 'maxMessages', whenFull),
    ...limit(before, after, 'maxBytes', whenFull),
    ...limit(before, after, 'maxMessageBytes', PRODUCERS),
    // An id that was safe to send again is stored twice.
    ...limit(before, after, 'duplicateWindowMs', [...PRODUCERS, ...CONSUMERS]),
    ...limit(before, after, 'replicas', [...PRODUCERS, ...CONSUMERS]),
    ...option(before, after, 'discard', after.discard === 'new' ? PRODUCERS : CONSUMERS),
    ...option(before, after, 'allowMessageTtl', after.allowMessageTtl ? BREAKS_NOBODY : PRODUCERS),
    // What is kept in memory is gone when the broker starts again.
    ...option(before, after, 'storage', after.storage === 'memory' ? CONSUMERS : BREAKS_NOBODY),
  ]
}

type Limit = 'maxAgeMs' | 'maxMessages' | 'maxBytes' | 'maxMessageBytes' | 'duplicateWindowMs' | 'replicas'

function limit(
  before: ReleasedStream,
  after: ReleasedStream,
  name: Limit,
  whenLowered: readonly Party[],
): readonly Difference[] {
  if (before[name] === after[name]) return []
  const lowered = after[name] < before[name]
  return [
    {
      path: `stream.${name}`,
      kind: lowered ? ChangeKind.LimitLowered : ChangeKind.LimitRaised,
      before: before[name],
      after: after[name],
      breaks: lowered ? whenLowered : BREAKS_NOBODY,
    },
  ]
}

function option(
  before: ReleasedStream,
  after: ReleasedStream,
  name: 'discard' | 'allowMessageTtl' | 'storage',
  breaks: readonly Party[],
): readonly Difference[] {
  if (before[name] === after[name]) return []
  return [
    {
      path: `stream.${name}`,
      kind: ChangeKind.StreamOptionChanged,
      before: before[name],
      after: after[name],
      breaks,
    },
  ]
}
