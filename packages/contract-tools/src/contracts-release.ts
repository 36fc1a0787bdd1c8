import { join } from 'node:path'
import { readApps } from '@alarm-bus/ops/apps'
import { newCommand, readCommandLine } from '@alarm-bus/command-line'
import { CheckError } from './compatibility/check-error.ts'
import { readContracts, readContractsVersion, REPOSITORY, SNAPSHOT_FILE } from './repository.ts'
import { releaseSnapshot } from './snapshot/release-snapshot.ts'
import { readReleased } from './snapshot/released-contracts.ts'
import { readSnapshot, writeSnapshot } from './snapshot/snapshot-file.ts'
import { takeSnapshot } from './snapshot/take-snapshot.ts'

async function release(argv: readonly string[]): Promise<string> {
  const command = newCommand(
    'pnpm contracts:release',
    'Part of pnpm version-packages: keeps the contracts that are released.',
    'Exit code 0: kept, or as released. 2: it refuses.',
  )
    .option('--root <folder>', 'the repository; default: this one')
    .option('--released <path>', 'the last released package of the contracts, as for contracts:check')
    .option('--first', 'writes the first snapshot, where none was released')
  const help = readCommandLine(command, argv)
  if (help !== undefined) return help
  const values = command.opts()
  const { root = REPOSITORY } = values
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
  // pnpm 12 hands a "--" on to the script.
  console.log(await release(process.argv.slice(2).filter((argument) => argument !== '--')))
} catch (error) {
  console.error(`contracts:release: ${(error as Error).message}`)
  process.exitCode = 2
}
