import { join } from 'node:path'
import { readContracts, readContractsVersion, REPOSITORY, SNAPSHOT_FILE } from './repository.ts'
import { releaseSnapshot } from './snapshot/release-snapshot.ts'
import { readSnapshot, writeSnapshot } from './snapshot/snapshot-file.ts'
import { takeSnapshot } from './snapshot/take-snapshot.ts'

/** Part of `pnpm version-packages`: keeps the contracts that are released. Exit code 0, or 2 when it refuses. */
async function main(repository: string): Promise<number> {
  try {
    const file = join(repository, SNAPSHOT_FILE)
    const declared = takeSnapshot(await readContracts(repository))
    const snapshot = releaseSnapshot(readSnapshot(file), declared, readContractsVersion(repository))
    if (snapshot) {
      writeSnapshot(file, snapshot)
      console.log(
        `contracts ${snapshot.contractsVersion}: ${snapshot.channels.length} channels kept in ${SNAPSHOT_FILE}`,
      )
    } else console.log('contracts: as released; nothing to keep')
    return 0
  } catch (error) {
    console.error(`contracts:release: ${(error as Error).message}`)
    return 2
  }
}

process.exitCode = await main(process.argv[2] ?? REPOSITORY)
