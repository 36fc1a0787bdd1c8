import { UsageError } from '../config.ts'
import { HELP_FLAG, parseFlags } from '../parse-flags.ts'

/** What a person asked for, checked. */
export interface PermissionsCommand {
  readonly check: boolean
  readonly json: boolean
  readonly nkeys: boolean
  readonly oneAccount: boolean
  /** For a broker in operator mode. */
  readonly jwt: boolean
  /** Folder; not given: where nats.setup.conf is. */
  readonly out?: string
  /** Given: what this app may do is printed. */
  readonly app?: string
}

const OPTIONS = {
  check: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  nkeys: { type: 'boolean', default: false },
  'one-account': { type: 'boolean', default: false },
  jwt: { type: 'boolean', default: false },
  out: { type: 'string' },
  app: { type: 'string' },
  help: HELP_FLAG,
} as const

/** The command, or undefined where help was asked for. @throws UsageError saying what cannot be used. */
export function readCommand(argv: readonly string[]): PermissionsCommand | undefined {
  const { check, json, nkeys, 'one-account': oneAccount, jwt, out, app, help } = parse(argv)
  if (help) return undefined
  const shows = json || app !== undefined
  if (shows && (check || out !== undefined))
    throw new UsageError('--json and --app print; they go with neither --check nor --out')
  if (jwt && (check || nkeys || oneAccount))
    throw new UsageError(
      '--jwt goes with neither --check, --nkeys nor --one-account: claims are signed each time, with keys',
    )
  if ((nkeys || oneAccount || jwt) && out === undefined) {
    const flag = jwt ? '--jwt' : nkeys ? '--nkeys' : '--one-account'
    throw new UsageError(`${flag} needs --out FOLDER: the repository’s own files are for development`)
  }
  if (out?.endsWith('.conf')) throw new UsageError(`--out takes the folder that the two files go to, not ${out}`)
  return {
    check,
    json,
    nkeys,
    oneAccount,
    jwt,
    ...(out === undefined ? {} : { out }),
    ...(app === undefined ? {} : { app }),
  }
}

function parse(argv: readonly string[]) {
  return parseFlags(argv, OPTIONS).values
}
