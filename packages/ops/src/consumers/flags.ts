import { durationMs, newCommand, readCommandLine, UsageError, wholeNumber } from '@alarm-bus/command-line'
import { ENVIRONMENT_HELP } from '../environment-help.ts'

/** What a person asked for, checked. */
export interface PruneCommand {
  /** Not given: the apps of this repository. */
  readonly apps?: readonly string[]
  /** Without it nothing is changed. */
  readonly apply: boolean
  readonly untagged: boolean
  readonly json: boolean
  readonly waitMs: number
  readonly idleMs?: number
  readonly graceMs?: number
}

const APP = /^[a-z0-9]+(-[a-z0-9]+)*$/

/** The command, or the help where it was asked for. @throws UsageError saying what cannot be used. */
export function readCommand(argv: readonly string[]): PruneCommand | string {
  const command = newCommand('pnpm ops consumers', 'Consumers without an owner.', ENVIRONMENT_HELP)
  const prune = newCommand(
    'prune',
    'Shows, and with --apply removes, consumers that the kit made for an app that is gone, or that are not used.',
    `A consumer in use is never removed: one that is asked for messages or listened
to, or that was active a minute ago (an hour, with messages that are not settled
yet). What a removed consumer had not read stays in the stream.

Exit code 0, or 1 when something failed.
${ENVIRONMENT_HELP}`,
  )
    .option('--apply', 'removes them; without it nothing is changed')
    .option('--dry-run', 'shows them, as without --apply')
    .option('--idle <age>', 'also those of known apps that were idle for so long, such as 7d', durationMs)
    .option('--grace <age>', 'one that was active more lately is in use (default: 60s)', durationMs)
    .option('--apps <names>', 'the apps there are, with commas, in place of those of this repository', appsOf)
    .option('--untagged', "also those without the kit's tag, which others may have made")
    .option('--json', 'one JSON document in place of lines')
    .option('--wait-ms <n>', 'waits this long for the broker', wholeNumber(1), 10_000)
    .action(() => undefined)
  command.addCommand(prune)
  const help = readCommandLine(command, argv.length === 0 ? ['--help'] : argv)
  if (help !== undefined) return help
  const { apply = false, dryRun, untagged = false, json = false, waitMs, idle, grace, apps } = prune.opts()
  if (apply && dryRun) throw new UsageError('--apply and --dry-run contradict each other')
  return {
    apply,
    untagged,
    json,
    waitMs,
    ...(apps !== undefined && { apps }),
    ...(idle !== undefined && { idleMs: idle }),
    ...(grace !== undefined && { graceMs: grace }),
  }
}

/** An app that is forgotten here loses its consumers, so an invalid name is refused rather than passed over. */
function appsOf(text: string): readonly string[] {
  const apps = text.split(',').map((app) => app.trim())
  const wrong = apps.find((app) => !APP.test(app))
  if (wrong !== undefined) throw new UsageError(`--apps: ${JSON.stringify(wrong)} is not an app name (kebab case)`)
  return apps
}
