import type { App } from '@alarm-bus/contracts'
import { checkRequests } from './check-request.ts'
import {
  type CheckedChannel,
  type CheckInput,
  type CheckResult,
  type JudgedDifference,
  missingChangeset,
  type Outcome,
  PROTECTED,
} from './checked.ts'
import { diffChannel } from './diff-channel.ts'
import { BREAKS_ALL, BREAKS_NOBODY, ChangeKind, type Difference } from './difference.ts'
import type { ReleasedChannel } from './released.ts'

/** Compares what is declared with what was released, channel by channel and request by request. Pure. */
export function checkContracts(input: CheckInput): CheckResult {
  const { released, declared } = input
  const known = new Set(released.channels.map(({ name }) => name))
  const channels = [
    ...released.channels.map((channel) => checkChannel(channel, input)),
    ...declared.channels.filter(({ name }) => !known.has(name)).map((channel) => addedChannel(channel, input)),
  ].sort((a, b) => (a.channel < b.channel ? -1 : 1))
  const requests = checkRequests(input)
  const has = (outcome: Outcome): boolean => [...channels, ...requests].some((one) => one.outcome === outcome)
  return { outcome: has('breaking') ? 'breaking' : has('accepted') ? 'accepted' : 'compatible', channels, requests }
}

function checkChannel(before: ReleasedChannel, input: CheckInput): CheckedChannel {
  const after = input.declared.channels.find(({ name }) => name === before.name)
  const found = after ? diffChannel(before, after, input.released, input.declared) : [removed(before)]
  const modes = [...new Set([before.compatibility, ...(after ? [after.compatibility] : [])])]
  const guarded = new Set(modes.flatMap((mode) => PROTECTED[mode]))
  const differences = found.map((difference): JudgedDifference => ({
    ...difference,
    breaking: difference.breaks.some((party) => guarded.has(party)),
  }))
  const breaks = differences.some(({ breaking }) => breaking)
  const missing = !breaks ? [] : after ? missingForChange(before) : missingForRemoval(before, input)
  return {
    channel: before.name,
    outcome: !breaks ? 'compatible' : missing.length === 0 ? 'accepted' : 'breaking',
    modes,
    differences,
    ...(after ? usersOf(before.name, input.apps) : usersOfRemoved(before, input)),
    missing,
  }
}

function removed({ subject }: ReleasedChannel): Difference {
  return { path: '', kind: ChangeKind.ChannelRemoved, before: subject, after: null, breaks: BREAKS_ALL }
}

function addedChannel({ name, subject, compatibility }: ReleasedChannel, { apps }: CheckInput): CheckedChannel {
  const added = { path: '', kind: ChangeKind.ChannelAdded, before: null, after: subject, breaks: BREAKS_NOBODY }
  return {
    channel: name,
    outcome: 'compatible',
    modes: [compatibility],
    differences: [{ ...added, breaking: false }],
    ...usersOf(name, apps),
    missing: [],
  }
}

export function usersOf(channel: string, apps: readonly App[]): Pick<CheckedChannel, 'publishedBy' | 'handledBy'> {
  const has = (channels: readonly { readonly name: string }[]): boolean => channels.some(({ name }) => name === channel)
  const names = (those: readonly App[]): readonly string[] => those.map(({ name }) => name)
  return {
    publishedBy: names(apps.filter(({ publishes }) => has(publishes))),
    // Who reads or hears a channel meets its messages as who handles it does.
    handledBy: names(
      apps.filter(({ handles, reads, hears }) =>
        has([...handles.map((handled) => handled.channel), ...reads, ...hears]),
      ),
    ),
  }
}

/**
 * Who used a channel that is gone. An app that publishes on whatever there is no longer says so; where the release did not
 * keep who used it, such an app counts.
 */
function usersOfRemoved(
  before: ReleasedChannel,
  { apps, declared }: CheckInput,
): Pick<CheckedChannel, 'publishedBy' | 'handledBy'> {
  const { publishedBy, handledBy } = usersOf(before.name, apps)
  const all = new Set(declared.channels.map(({ name }) => name))
  const ofAll = apps.filter(
    ({ publishes }) => publishes.length > 0 && new Set(publishes.map(({ name }) => name)).size === all.size,
  )
  const known = before.publishedBy ?? ofAll.map(({ name }) => name)
  return {
    publishedBy: [...new Set([...known, ...publishedBy])].sort(),
    handledBy: [...new Set([...(before.handledBy ?? []), ...handledBy])].sort(),
  }
}

/**
 * A change under the same name cannot be made bearable: consumers are called after the channel, so both releases would
 * share them, whatever is declared beside it.
 */
function missingForChange({ name }: ReleasedChannel): readonly string[] {
  return [
    `${name} as it was released, and the change in a next version beside it (defineVersion), which has a name, a subject and consumers of its own`,
  ]
}

/** An old version goes when the next one has been released beside it and no app uses the old one any more. */
function missingForRemoval(before: ReleasedChannel, input: CheckInput): readonly string[] {
  const { publishedBy, handledBy } = usersOf(before.name, input.apps)
  const users = [...new Set([...publishedBy, ...handledBy])]
  const next = input.released.channels.find(({ previous }) => previous === before.name)
  return [
    ...(next ? [] : ['a next version of it (defineVersion) that was released beside it']),
    ...(users.length === 0 ? [] : [`no app that still declares it: ${users.join(', ')}`]),
    ...missingChangeset(before.name, input),
  ]
}
