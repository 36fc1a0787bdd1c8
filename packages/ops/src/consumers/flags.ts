import { UsageError } from '../config.ts'
import { HELP_FLAG, parseFlags } from '../parse-flags.ts'
import { readDuration } from '../dlq/duration.ts'

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

const OPTIONS = {
  apply: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  untagged: { type: 'boolean' },
  idle: { type: 'string' },
  grace: { type: 'string' },
  apps: { type: 'string' },
  json: { type: 'boolean' },
  'wait-ms': { type: 'string' },
  help: HELP_FLAG,
} as const

const APP = /^[a-z0-9]+(-[a-z0-9]+)*$/

/** The command, or undefined where help was asked for. @throws UsageError saying what cannot be used. */
export function readCommand(argv: readonly string[]): PruneCommand | undefined {
  const { values, positionals } = parse(argv)
  if (values.help || argv.length === 0) return undefined
  if (positionals.length !== 1 || positionals[0] !== 'prune') {
    throw new UsageError(
      `unknown command ${JSON.stringify(['consumers', ...positionals].join(' '))}; expected: consumers prune`,
    )
  }
  if (values.apply && values['dry-run']) throw new UsageError('--apply and --dry-run contradict each other')
  const waitMs = values['wait-ms'] ?? '10000'
  if (!/^[1-9]\d{0,8}$/.test(waitMs)) {
    throw new UsageError(`--wait-ms must be a whole number of milliseconds from 1, not ${JSON.stringify(waitMs)}`)
  }
  return {
    apply: values.apply ?? false,
    untagged: values.untagged ?? false,
    json: values.json ?? false,
    waitMs: Number(waitMs),
    ...(values.apps === undefined ? {} : { apps: appsOf(values.apps) }),
    ...(values.idle === undefined ? {} : { idleMs: readDuration('idle', values.idle) }),
    ...(values.grace === undefined ? {} : { graceMs: readDuration('grace', values.grace) }),
  }
}

/** An app that is forgotten here loses its consumers, so what is no app's name is refused rather than passed over. */
function appsOf(text: string): readonly string[] {
  const apps = text.split(',').map((app) => app.trim())
  const wrong = apps.find((app) => !APP.test(app))
  if (wrong !== undefined) throw new UsageError(`--apps: ${JSON.stringify(wrong)} is not an app name (kebab case)`)
  return apps
}

function parse(argv: readonly string[]) {
  return parseFlags(argv, OPTIONS, true)
}
