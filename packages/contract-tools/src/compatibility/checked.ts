import type { App } from '@alarm-bus/contracts'
import { announces, type Changeset, type ChangesetSize, sizeForBreaking } from './changesets.ts'
import { BREAKS_ALL, type Difference, Party } from './difference.ts'
import type { CompatibilityMode, ReleasedContracts } from './released.ts'

export const CONTRACTS_PACKAGE = '@alarm-bus/contracts'

/** Who must go on working, whatever changes, for each mode. A forward channel's producers are the ones that move. */
export const PROTECTED: Readonly<Record<CompatibilityMode, readonly Party[]>> = {
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
  /** `publishedBy` are the apps that ask, `handledBy` those that answer. */
  readonly requests: readonly CheckedChannel[]
}

/** What a break that is meant still lacks: a changeset that says so. */
export function missingChangeset(channel: string, { changesets, contractsVersion }: CheckInput): readonly string[] {
  const size: ChangesetSize = sizeForBreaking(contractsVersion)
  if (changesets.some((changeset) => announces(changeset, CONTRACTS_PACKAGE, size, channel))) return []
  return [`a changeset for ${CONTRACTS_PACKAGE} of size ${size} or more with the line "Breaking: ${channel}"`]
}
