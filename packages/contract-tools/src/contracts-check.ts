import { join } from 'node:path'
import { readApps } from '@alarm-bus/ops/apps'
import { newCommand, readCommandLine } from '@alarm-bus/command-line'
import { changelogChangesets, readChangesets } from './compatibility/changesets.ts'
import { checkContracts } from './compatibility/check-contracts.ts'
import { type CheckResult, CONTRACTS_PACKAGE } from './compatibility/checked.ts'
import { CheckError } from './compatibility/check-error.ts'
import { describeResult } from './compatibility/describe-result.ts'
import { toJson } from './compatibility/to-json.ts'
import { readChangelog, readContracts, readContractsVersion, REPOSITORY, SNAPSHOT_FILE } from './repository.ts'
import { assertKept } from './snapshot/assert-kept.ts'
import { type Released, readReleased } from './snapshot/released-contracts.ts'
import { readSnapshot } from './snapshot/snapshot-file.ts'
import { takeSnapshot } from './snapshot/take-snapshot.ts'

const NOTES = `A breaking change belongs into a next version beside the channel
(defineVersion). Remove a channel once its next version has been released, no
app declares it, and a changeset for @alarm-bus/contracts has the line
"Breaking: <channel>": minor or more before 1.0.0, major from then on.

Exit code 0: compatible, or broken with all of that. 1: it would break a user.
2: the check could not be made.`

interface Flags {
  readonly json: boolean
  readonly root: string
  readonly released?: string | undefined
}

/** The flags, or the help where it was asked for. @throws UsageError for a flag that does not exist. */
function readFlags(argv: readonly string[]): Flags | string {
  const command = newCommand(
    'pnpm contracts:check',
    'Compares the contracts with those of the last release, and says which apps a change breaks.',
    NOTES,
  )
    .option('--json', 'one JSON document in place of lines')
    .option('--root <folder>', 'the repository to look at; default: this one')
    .option(
      '--released <path>',
      'the last released package of the contracts, a .tgz or its folder, to compare with; default: the tag of the release or the default branch, where git has one of them, else the file of this checkout',
    )
  const help = readCommandLine(command, argv)
  if (help !== undefined) return help
  const { json = false, root = REPOSITORY, released } = command.opts()
  return { json, root, released }
}

interface Checked {
  readonly result: CheckResult
  readonly released: Released
}

async function check({ root, released: path }: Flags): Promise<Checked> {
  const contractsVersion = readContractsVersion(root)
  const kept = readSnapshot(join(root, SNAPSHOT_FILE))
  if (!kept) throw new CheckError(`${SNAPSHOT_FILE} is missing; pnpm contracts:release writes the first one`)
  if (kept.contractsVersion !== contractsVersion) {
    throw new CheckError(
      `@alarm-bus/contracts is ${contractsVersion}, but the last snapshot is of ${kept.contractsVersion}; versions are raised by pnpm version-packages, which writes the snapshot too`,
    )
  }
  const released = readReleased(root, path)
  assertKept(kept, released, SNAPSHOT_FILE)
  const promised = released.snapshot ?? kept
  const result = checkContracts({
    released: promised,
    declared: takeSnapshot(await readContracts(root)),
    apps: await readApps(root),
    changesets: [
      ...readChangesets(join(root, '.changeset')),
      // A release that is on its way took its changesets into the changelog.
      ...changelogChangesets(readChangelog(root), CONTRACTS_PACKAGE, {
        above: promised.contractsVersion,
        upTo: contractsVersion,
      }),
    ],
    contractsVersion: promised.contractsVersion,
  })
  return { result, released }
}

/** The process's exit code, as the help says. */
async function main(argv: readonly string[]): Promise<number> {
  try {
    const flags = readFlags(argv)
    if (typeof flags === 'string') {
      console.log(flags)
      return 0
    }
    const { result, released } = await check(flags)
    const { source, unknown } = released
    if (flags.json) {
      const json = { ...toJson(result), released: { source, unknown: unknown ?? null } }
      console.log(JSON.stringify(json, null, 2))
    } else {
      for (const line of describeResult(result)) console.log(line)
      console.log(`contracts: compared with ${source}`)
      if (unknown !== undefined) console.log(`contracts: not known: ${unknown}`)
    }
    return result.outcome === 'breaking' ? 1 : 0
  } catch (error) {
    const { message } = error as Error
    if (argv.includes('--json')) console.log(JSON.stringify({ outcome: 'error', error: { message } }, null, 2))
    console.error(`contracts:check: ${message}`)
    return 2
  }
}

// pnpm 12 hands a "--" on to the script.
process.exitCode = await main(process.argv.slice(2).filter((argument) => argument !== '--'))
