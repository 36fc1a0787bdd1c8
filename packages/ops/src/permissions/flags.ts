import { parseArgs } from 'node:util'
import { UsageError } from '../config.ts'

/** What a person asked for, checked. */
export interface PermissionsCommand {
  readonly check: boolean
  readonly json: boolean
  readonly nkeys: boolean
  /** Not given: the file beside nats.setup.conf. */
  readonly out?: string
  /** Given: what this app may do is printed. */
  readonly app?: string
}

const OPTIONS = {
  check: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  nkeys: { type: 'boolean', default: false },
  out: { type: 'string' },
  app: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

/** The command, or undefined where help was asked for. @throws UsageError saying what cannot be used. */
export function readCommand(argv: readonly string[]): PermissionsCommand | undefined {
  const { check, json, nkeys, out, app, help } = parse(argv)
  if (help) return undefined
  const shows = json || app !== undefined
  if (shows && (check || out !== undefined))
    throw new UsageError('--json and --app print; they go with neither --check nor --out')
  if (nkeys && out === undefined) {
    throw new UsageError('--nkeys needs --out FILE: the repository’s own file has passwords, for development')
  }
  return { check, json, nkeys, ...(out === undefined ? {} : { out }), ...(app === undefined ? {} : { app }) }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS }).values
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}
