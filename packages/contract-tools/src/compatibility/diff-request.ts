import { diffSchemas } from './diff-schemas.ts'
import { BREAKS_ALL, BREAKS_NOBODY, ChangeKind, type Difference, Party, WIDENS } from './difference.ts'
import type { ReleasedPart, ReleasedRequest, ReleasedStored } from './released.ts'

/**
 * Everything that differs for one request: its own properties, both directions and the errors. Paths of the directions are
 * JSON pointers behind `/request`, `/response` and `/errors/<code>`.
 */
export function diffRequest(before: ReleasedRequest, after: ReleasedRequest): readonly Difference[] {
  return [
    ...diffOwn(before, after),
    ...diffStored(before.stored, after.stored),
    ...diffPart('/request', 'caller', before.request, after.request),
    ...diffPart('/response', 'responder', before.response, after.response),
    ...diffErrors(before, after),
  ]
}

function diffOwn(before: ReleasedRequest, after: ReleasedRequest): readonly Difference[] {
  const found: Difference[] = []
  const compare = (
    path: 'subject' | 'version' | 'compatibility',
    kind: ChangeKind,
    breaks: Difference['breaks'],
  ): void => {
    if (before[path] !== after[path]) found.push({ path, kind, before: before[path], after: after[path], breaks })
  }
  compare('subject', ChangeKind.SubjectChanged, BREAKS_ALL)
  if (after.version < before.version) compare('version', ChangeKind.VersionLowered, BREAKS_ALL)
  else compare('version', ChangeKind.VersionRaised, BREAKS_NOBODY)
  compare('compatibility', ChangeKind.ModeChanged, BREAKS_NOBODY)
  return found
}

/** Where a request waits, and its answer. Both ends find it by what they were built with. */
function diffStored(before: ReleasedStored | undefined, after: ReleasedStored | undefined): readonly Difference[] {
  if (!before && !after) return []
  if (!before || !after) {
    const [was, is] = [before !== undefined, after !== undefined]
    return [{ path: 'stored', kind: ChangeKind.StoredChanged, before: was, after: is, breaks: BREAKS_ALL }]
  }
  const limit = (
    path: 'timeoutMs' | 'keepReplyMs',
    breaks: Difference['breaks'],
    sentBy: Sender,
  ): readonly Difference[] => {
    const [was, is] = [before[path], after[path]]
    if (was === is) return []
    const kind = is < was ? ChangeKind.LimitLowered : ChangeKind.LimitRaised
    return [{ path, kind, before: was, after: is, breaks: is < was ? breaks : BREAKS_NOBODY, sentBy }]
  }
  return [
    ...(before.stream === after.stream
      ? []
      : [
          {
            path: 'stream',
            kind: ChangeKind.StreamChanged,
            before: before.stream,
            after: after.stream,
            breaks: BREAKS_ALL,
          },
        ]),
    // New responders give up sooner what old callers still wait for, and keep an answer for less than those count on.
    ...limit('timeoutMs', [Party.NewConsumer, Party.Producer], 'caller'),
    ...limit('keepReplyMs', [Party.OldConsumer], 'responder'),
  ]
}

type Sender = NonNullable<Difference['sentBy']>

function diffPart(path: string, sentBy: Sender, before: ReleasedPart, after: ReleasedPart): readonly Difference[] {
  const schema = diffSchemas(before.schema, after.schema).map((one) => ({ ...one, path: `${path}${one.path}`, sentBy }))
  return [...schema, ...diffLimit(path, sentBy, before.maxBytes, after.maxBytes)]
}

/** Both ends hold to it: who reads refuses what is larger than it knows of. */
function diffLimit(path: string, sentBy: Sender, before: number, after: number): readonly Difference[] {
  if (before === after) return []
  const lowered = after < before
  const kind = lowered ? ChangeKind.LimitLowered : ChangeKind.LimitRaised
  const breaks = lowered ? [Party.NewConsumer, Party.Producer] : WIDENS
  return [{ path: `${path} maxBytes`, kind, before, after, breaks, sentBy }]
}

/** A code that a caller does not know is no answer that it can read. */
function diffErrors(before: ReleasedRequest, after: ReleasedRequest): readonly Difference[] {
  const codes = [...new Set([...Object.keys(before.errors), ...Object.keys(after.errors)])].sort()
  return codes.flatMap((code): readonly Difference[] => {
    const [was, is] = [before.errors[code], after.errors[code]]
    const path = `/errors/${code}`
    if (was && is) return diffPart(path, 'responder', was, is)
    return was
      ? [
          {
            path,
            kind: ChangeKind.ErrorRemoved,
            before: code,
            after: null,
            breaks: [Party.NewConsumer, Party.Producer],
            sentBy: 'responder',
          },
        ]
      : [{ path, kind: ChangeKind.ErrorAdded, before: null, after: code, breaks: WIDENS, sentBy: 'responder' }]
  })
}
