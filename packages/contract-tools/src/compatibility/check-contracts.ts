import type { App } from '@alarm-bus/contracts'
import { announces, type Changeset, type ChangesetSize, sizeForBreaking } from './changesets.ts'
import { diffChannel } from './diff-channel.ts'
import { BREAKS_ALL, BREAKS_NOBODY, ChangeKind, type Difference, Party } from './difference.ts'
import type { CompatibilityMode, ReleasedChannel, ReleasedContracts } from './released.ts'

export const CONTRACTS_PACKAGE = '@alarm-bus/contracts'

/** Who must go on working, whatever changes, for each mode. A forward channel's producers are the ones that move. */
const PROTECTED: Readonly<Record<CompatibilityMode, readonly Party[]>> = {
  backward: [Party.NewConsumer, Party.Producer],
  forward: [Party.OldConsumer],
  full: BREAKS_ALL,
  none: [],
}

export interface CheckInput {
  readonly released: ReleasedContracts
  readonly declared: ReleasedContracts
  readonly apps: readonly App[]
  readonly changesets: readonly Changeset[]
  /** The version of the contracts' package, which says what size a breaking change needs. */
  readonly contractsVersion: string
}

/** A difference, and whether the channel's mode forbids it. */
export interface JudgedDifference extends Difference {
  readonly breaking: boolean
}

/**
 * - `compatible`: nothing breaks that the mode protects.
 * - `accepted`: something breaks, and all that makes it bearable is there.
 * - `breaking`: something breaks; `missing` says what would make it bearable.
 */
export type Outcome = 'compatible' | 'accepted' | 'breaking'

export interface CheckedChannel {
  readonly channel: string
  readonly outcome: Outcome
  /** Both the released and today's, where they differ: a promise holds until the release that takes it back. */
  readonly modes: readonly CompatibilityMode[]
  readonly differences: readonly JudgedDifference[]
  /** Apps that publish on the channel, and apps that handle it. */
  readonly publishedBy: readonly string[]
  readonly handledBy: readonly string[]
  /** What a breaking change still lacks, in words. */
  readonly missing: readonly string[]
}

export interface CheckResult {
  readonly outcome: Outcome
  readonly channels: readonly CheckedChannel[]
}

/** Compares what is declared with what was released, channel by channel. Pure. */
export function checkContracts(input: CheckInput): CheckResult {
  const { released, declared } = input
  const known = new Set(released.channels.map(({ name }) => name))
  const channels = [
    ...released.channels.map((channel) => checkChannel(channel, input)),
    ...declared.channels.filter(({ name }) => !known.has(name)).map((channel) => addedChannel(channel, input)),
  ].sort((a, b) => (a.channel < b.channel ? -1 : 1))
  const has = (outcome: Outcome): boolean => channels.some((channel) => channel.outcome === outcome)
  return { outcome: has('breaking') ? 'breaking' : has('accepted') ? 'accepted' : 'compatible', channels }
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
    handledBy: names(apps.filter(({ handles }) => has(handles.map((handled) => handled.channel)))),
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

function missingChangeset(channel: string, { changesets, contractsVersion }: CheckInput): readonly string[] {
  const size: ChangesetSize = sizeForBreaking(contractsVersion)
  if (changesets.some((changeset) => announces(changeset, CONTRACTS_PACKAGE, size, channel))) return []
  return [`a changeset for ${CONTRACTS_PACKAGE} of size ${size} or more with the line "Breaking: ${channel}"`]
}
