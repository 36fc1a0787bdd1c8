import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readApps } from '@alarm-bus/ops/apps'
import { CheckError } from './compatibility/check-error.ts'
import { readContracts, readContractsVersion, REPOSITORY, SNAPSHOT_FILE } from './repository.ts'
import { releaseSnapshot } from './snapshot/release-snapshot.ts'
import { readReleased } from './snapshot/released-contracts.ts'
import { readSnapshot, writeSnapshot } from './snapshot/snapshot-file.ts'
import { takeSnapshot } from './snapshot/take-snapshot.ts'

const HELP = `Part of pnpm version-packages: keeps the contracts that are released.

  pnpm contracts:release

  --root FOLDER    the repository (default: this one)
  --released PATH  the last released package of the contracts, as for contracts:check
  --first          nothing was released yet: writes the first snapshot

Exit code 0: kept, or as released. 2: it refuses.`

async function release(argv: readonly string[]): Promise<string> {
  const { values } = parseArgs({
    // pnpm 12 hands a "--" on to the script.
    args: argv.filter((argument) => argument !== '--'),
    options: {
      root: { type: 'string', default: REPOSITORY },
      released: { type: 'string' },
      first: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return HELP
  const { root } = values
  const file = join(root, SNAPSHOT_FILE)
  const released = readReleased(root, values.released)
  if (!released.snapshot && released.unknown !== undefined && !values.first) {
    throw new CheckError(
      `${SNAPSHOT_FILE} is missing, and nothing here tells whether one was released; restore it, or write the first one with --first`,
    )
  }
  const declared = takeSnapshot(await readContracts(root), await readApps(root))
  const snapshot = releaseSnapshot(released.snapshot, declared, readContractsVersion(root))
  if (snapshot) {
    writeSnapshot(file, snapshot)
    return `contracts ${snapshot.contractsVersion}: ${snapshot.channels.length} channels and ${snapshot.requests?.length ?? 0} requests kept in ${SNAPSHOT_FILE}`
  }
  if (released.snapshot && !readSnapshot(file)) {
    writeSnapshot(file, released.snapshot)
    return `contracts: as released; ${SNAPSHOT_FILE} restored from ${released.source}`
  }
  return 'contracts: as released; nothing to keep'
}

try {
  console.log(await release(process.argv.slice(2)))
} catch (error) {
  console.error(`contracts:release: ${(error as Error).message}`)
  process.exitCode = 2
}
