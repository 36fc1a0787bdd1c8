import { newCommand, readCommandLine, UsageError } from '@alarm-bus/command-line'

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

/** The command, or the help where it was asked for. @throws UsageError saying what cannot be used. */
export function readCommand(argv: readonly string[]): PermissionsCommand | string {
  const command = newCommand(
    'pnpm ops permissions',
    'Writes what each app may do on the broker, made from what it declares (apps/<name>/src/declaration.ts): nats.permissions.conf and nats.accounts.conf, which nats.setup.conf includes.',
    'Needs no broker. Exit code 0, or 1 when something failed or differs.',
  )
    .option('--check', 'writes nothing; shows the lines that differ, and exits with 1 when there are any')
    .option('--app <name>', "prints one app's, writes nothing")
    .option('--json', 'prints them as one JSON document, writes nothing')
    .option('--nkeys', 'users with nkeys in place of passwords, for production; `pnpm ops nkey NAME` makes a key')
    .option(
      '--one-account',
      "all apps in one account, where they make their own consumers: faster, and an app's stolen credentials are an administrator's",
    )
    .option(
      '--jwt',
      'for a broker in operator mode: nats.setup.conf with signed claims, creds/NAME.creds for each user, and keys/, which sign and are kept. Run it again after a change; the broker reads it at SIGHUP',
    )
    .option('--out <folder>', 'the folder to write to; default: where nats.setup.conf is')
  const help = readCommandLine(command, argv)
  if (help !== undefined) return help
  const { check = false, json = false, nkeys = false, oneAccount = false, jwt = false, out, app } = command.opts()
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
    ...(out !== undefined && { out }),
    ...(app !== undefined && { app }),
  }
}
