import { CheckError } from '../compatibility/check-error.ts'
import { checkContracts } from '../compatibility/check-contracts.ts'
import { ChangeKind } from '../compatibility/difference.ts'
import type { ReleasedContracts } from '../compatibility/released.ts'
import type { Snapshot } from './snapshot-file.ts'

/**
 * The snapshot to write at a release, or undefined where the last one still holds.
 *
 * @throws CheckError when the contracts differ from the last release's under the same version: then this is no release,
 * or the changeset is missing that raises the version.
 */
export function releaseSnapshot(
  last: Snapshot | undefined,
  declared: ReleasedContracts,
  contractsVersion: string,
): Snapshot | undefined {
  const snapshot = { contractsVersion, ...declared }
  if (!last || last.contractsVersion !== contractsVersion) return snapshot
  const { channels, requests } = checkContracts({
    released: last,
    declared,
    apps: [],
    changesets: [],
    contractsVersion,
  })
  // Another default breaks no app, and one that a function makes may be another one each time.
  const changed = [...channels, ...requests]
    .filter(({ differences }) => differences.some(({ kind }) => kind !== ChangeKind.DefaultChanged))
    .map(({ channel }) => channel)
  if (changed.length === 0) return undefined
  throw new CheckError(
    `${changed.join(', ')}: other than released with @alarm-bus/contracts ${contractsVersion}, which still is its version. A snapshot is written when contracts are released under a new version: add a changeset for @alarm-bus/contracts (pnpm changeset), then pnpm version-packages`,
  )
}
