import { isDeepStrictEqual } from 'node:util'
import { CheckError } from '../compatibility/check-error.ts'
import { compareVersions } from '../compatibility/changesets.ts'
import type { Released } from './released-contracts.ts'
import type { Snapshot } from './snapshot-file.ts'

/**
 * Holds the snapshot of the checkout to what was released: it says the same, or is that of a later version.
 *
 * @throws CheckError saying what else it is.
 */
export function assertKept(kept: Snapshot, { snapshot, source }: Released, file: string): void {
  if (!snapshot) return
  const order = compareVersions(kept.contractsVersion, snapshot.contractsVersion)
  if (order < 0) {
    throw new CheckError(
      `${file} is of ${kept.contractsVersion}, but ${snapshot.contractsVersion} was released (${source}); bring the branch up to date`,
    )
  }
  if (order === 0 && !isDeepStrictEqual(plain(kept), plain(snapshot))) {
    throw new CheckError(
      `${file} says something else of ${kept.contractsVersion} than was released (${source}); restore it, the release step writes it (pnpm version-packages)`,
    )
  }
}

/** As it stands in a file. */
function plain(snapshot: Snapshot): unknown {
  return JSON.parse(JSON.stringify(snapshot))
}
