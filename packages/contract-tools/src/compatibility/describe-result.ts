import { adviceFor } from './advice.ts'
import type { CheckedChannel, CheckResult, JudgedDifference } from './checked.ts'
import { ChangeKind, Party } from './difference.ts'

/** Characters of one value in a line; the whole of it is in the JSON. */
const MAX_VALUE_CHARACTERS = 80
/** Of those, how many lead up to the first that differs. */
const CHARACTERS_BEFORE_DIFFERENCE = 30

/** The result for people, a line each. */
export function describeResult({ channels, requests, outcome }: CheckResult): readonly string[] {
  const changed = [...channels, ...requests].filter(({ differences }) => differences.length > 0)
  if (changed.length === 0)
    return [`contracts: ${channels.length} channels and ${requests.length} requests, as released`]
  const breaking = changed.filter((channel) => channel.outcome === 'breaking').map(({ channel }) => channel)
  const summary = {
    compatible: 'contracts: every change is compatible',
    accepted: 'contracts: what goes is announced, and its next version was released',
    breaking: `contracts: ${breaking.join(', ')} would break others`,
  }[outcome]
  return [...changed.flatMap(describeChannel), '', summary]
}

function describeChannel(channel: CheckedChannel): readonly string[] {
  const { differences, outcome, modes, missing } = channel
  return [
    '',
    `${channel.channel} (${modes.join(' → ')}): ${outcome}`,
    ...differences.flatMap((difference) => describeDifference(difference, channel)),
    ...(missing.length === 0 ? [] : ['  it passes with:', ...missing.map((what) => `    - ${what}`)]),
  ]
}

function describeDifference(difference: JudgedDifference, channel: CheckedChannel): readonly string[] {
  const { path, kind, before, after, breaking, breaks, sentBy } = difference
  const where = path === '' ? '/' : path
  const [was, is] = showBoth(before, after)
  const line = `  ${breaking ? '✗' : '✓'} ${where}  ${kind}  ${was} → ${is}`
  if (breaks.length === 0) return [line]
  const who = breaks.map((party) => `      ${whoBreaks(party, kind, channel, sentBy)}`)
  return [line, ...who, ...(breaking ? [`      instead: ${adviceFor(kind)}`] : [])]
}

/** Who breaks, by name, and how it shows. */
export function whoBreaks(
  party: Party,
  kind: ChangeKind,
  { publishedBy, handledBy }: CheckedChannel,
  sentBy: JudgedDifference['sentBy'],
): string {
  const names = (apps: readonly string[]): string => (apps.length === 0 ? 'no app of this repository' : apps.join(', '))
  const callers = `callers (${names(publishedBy)})`
  const responders = `responders (${names(handledBy)})`
  if (kind === ChangeKind.RequestRemoved)
    return party === Party.Producer ? `${callers} have no app to ask` : `${responders} are asked nothing`
  if (sentBy) {
    const [senders, readers] = sentBy === 'caller' ? [callers, responders] : [responders, callers]
    return {
      [Party.Producer]: `${senders} are refused with what they sent before`,
      [Party.NewConsumer]: `${readers} that are built with it cannot rely on what older ${senders} send`,
      [Party.OldConsumer]: `${readers} that are not yet built with it cannot rely on what newer ${senders} send`,
    }[party]
  }
  const isGone = kind === ChangeKind.ChannelRemoved
  switch (party) {
    case Party.NewConsumer:
      return `handlers built with it (${names(handledBy)}) ${isGone ? 'have nothing to handle' : 'cannot rely on older messages'}`
    case Party.OldConsumer:
      return `handlers not yet built with it (${names(handledBy)}) ${isGone ? 'get no more messages' : 'cannot rely on newer messages'}`
    case Party.Producer:
      return `publishers (${names(publishedBy)}) are refused with what they sent before`
  }
}

/** What was and what is, both cut to where they begin to differ: two long patterns would look the same at their beginning. */
function showBoth(before: unknown, after: unknown): readonly [string, string] {
  const [was, is] = [textOf(before), textOf(after)]
  let common = 0
  while (common < was.length && was[common] === is[common]) common++
  const isCut = Math.max(was.length, is.length) > MAX_VALUE_CHARACTERS
  const from = isCut ? Math.max(0, common - CHARACTERS_BEFORE_DIFFERENCE) : 0
  return [cut(was, from), cut(is, from)]
}

function cut(text: string, from: number): string {
  if (text.length <= MAX_VALUE_CHARACTERS) return text
  const to = from + MAX_VALUE_CHARACTERS
  return `${from > 0 ? '…' : ''}${text.slice(from, to)}${text.length > to ? '…' : ''}`
}

function textOf(value: unknown): string {
  if (value === null) return 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
