import { diffSchemas } from './diff-schemas.ts'
import { diffStream } from './diff-stream.ts'
import { BREAKS_ALL, BREAKS_NOBODY, ChangeKind, type Difference, Party } from './difference.ts'
import type { ReleasedChannel, ReleasedContracts } from './released.ts'

/**
 * Everything that differs for one channel: its message, its own properties, and the limits of its stream. Paths of the
 * message are JSON pointers, those of channel and stream are names.
 */
export function diffChannel(
  before: ReleasedChannel,
  after: ReleasedChannel,
  released: ReleasedContracts,
  declared: ReleasedContracts,
): readonly Difference[] {
  return [
    ...diffOwn(before, after),
    ...diffStreams(before, after, released, declared),
    ...diffSchemas(before.schema, after.schema),
  ]
}

function diffOwn(before: ReleasedChannel, after: ReleasedChannel): readonly Difference[] {
  const found: Difference[] = []
  const compare = (path: keyof ReleasedChannel, kind: ChangeKind, breaks: Difference['breaks']): void => {
    if (before[path] !== after[path]) found.push({ path, kind, before: before[path], after: after[path], breaks })
  }
  // Consumers listen where no app publishes any more, and the broker refuses who has no permission for the new place.
  compare('subject', ChangeKind.SubjectChanged, BREAKS_ALL)
  if (after.version < before.version) compare('version', ChangeKind.VersionLowered, BREAKS_ALL)
  else compare('version', ChangeKind.VersionRaised, BREAKS_NOBODY)
  compare('compatibility', ChangeKind.ModeChanged, BREAKS_NOBODY)
  if (after.maxMessageBytes < before.maxMessageBytes) {
    compare('maxMessageBytes', ChangeKind.LimitLowered, [Party.Producer])
  } else compare('maxMessageBytes', ChangeKind.LimitRaised, BREAKS_NOBODY)
  return found
}

/** Another stream means other consumers: what waits in the old one has no reader. */
function diffStreams(
  before: ReleasedChannel,
  after: ReleasedChannel,
  released: ReleasedContracts,
  declared: ReleasedContracts,
): readonly Difference[] {
  const moved: readonly Difference[] =
    before.stream === after.stream
      ? []
      : [
          {
            path: 'stream',
            kind: ChangeKind.StreamChanged,
            before: before.stream,
            after: after.stream,
            breaks: BREAKS_ALL,
          },
        ]
  const was = released.streams.find(({ name }) => name === before.stream)
  const is = declared.streams.find(({ name }) => name === after.stream)
  return was && is ? [...moved, ...diffStream(was, is)] : moved
}
