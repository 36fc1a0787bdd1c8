import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readApps } from '@alarm-bus/ops/apps'
import { readChangesets } from './compatibility/changesets.ts'
import { type CheckResult, checkContracts } from './compatibility/check-contracts.ts'
import { CheckError } from './compatibility/check-error.ts'
import { describeResult } from './compatibility/describe-result.ts'
import { toJson } from './compatibility/to-json.ts'
import { readContracts, readContractsVersion, REPOSITORY, SNAPSHOT_FILE } from './repository.ts'
import { readSnapshot } from './snapshot/snapshot-file.ts'
import { takeSnapshot } from './snapshot/take-snapshot.ts'

const HELP = `Compares the contracts with those of the last release, and says whom a change breaks.

  pnpm contracts:check

  --json         one JSON document in place of lines
  --root FOLDER  the repository to look at (default: this one)

A change that breaks somebody passes when the channel's version is raised, the old version is still declared beside it,
and a changeset for @alarm-bus/contracts names the channel: minor or more before 1.0.0, major from then on.

Exit code 0: compatible, or broken with all of that. 1: it would break somebody. 2: the check could not be made.`

interface Flags {
  readonly json: boolean
  readonly help: boolean
  readonly root: string
}

/** @throws CheckError for a flag that does not exist. */
function readFlags(argv: readonly string[]): Flags {
  try {
    const { values } = parseArgs({
      // pnpm 12 hands a "--" on to the script.
      args: argv.filter((argument) => argument !== '--'),
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        root: { type: 'string', default: REPOSITORY },
      },
    })
    return values
  } catch (cause) {
    throw new CheckError((cause as Error).message, { cause })
  }
}

async function check(repository: string): Promise<CheckResult> {
  const contractsVersion = readContractsVersion(repository)
  const released = readSnapshot(join(repository, SNAPSHOT_FILE))
  if (!released) throw new CheckError(`there is no ${SNAPSHOT_FILE}; pnpm contracts:release writes the first one`)
  if (released.contractsVersion !== contractsVersion) {
    throw new CheckError(
      `@alarm-bus/contracts is ${contractsVersion}, but the last snapshot is of ${released.contractsVersion}; versions are raised by pnpm version-packages, which writes the snapshot too`,
    )
  }
  return checkContracts({
    released,
    declared: takeSnapshot(await readContracts(repository)),
    apps: await readApps(repository),
    changesets: readChangesets(join(repository, '.changeset')),
    contractsVersion,
  })
}

/** The process's exit code, as the help says. */
async function main(argv: readonly string[]): Promise<number> {
  try {
    const flags = readFlags(argv)
    if (flags.help) {
      console.log(HELP)
      return 0
    }
    const result = await check(flags.root)
    if (flags.json) console.log(JSON.stringify(toJson(result), null, 2))
    else for (const line of describeResult(result)) console.log(line)
    return result.outcome === 'breaking' ? 1 : 0
  } catch (error) {
    const { message } = error as Error
    if (argv.includes('--json')) console.log(JSON.stringify({ outcome: 'error', error: { message } }, null, 2))
    console.error(`contracts:check: ${message}`)
    return 2
  }
}

process.exitCode = await main(process.argv.slice(2))
