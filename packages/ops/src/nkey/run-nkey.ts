import { createUser } from '@nats-io/nkeys'
import { readApps } from '../apps/read-apps.ts'
import { UsageError } from '../config.ts'
import { HELP_FLAG, parseFlags } from '../parse-flags.ts'
import type { Output } from '../output.ts'
import { nkeyVariable } from '../permissions/user-variables.ts'

/** Users of people; the others are apps. */
const OPERATORS: readonly string[] = ['admin', 'migrator']

const HELP = `A new key for a user of the broker: its public half for the broker, its seed for
the app.

  pnpm ops nkey NAME     NAME is an app, admin or migrator

  --json                 one JSON document in place of lines

The seed is shown once and kept nowhere: put it into the app's secrets at once.
The broker gets the public key, which is not secret, and a file of users from
\`pnpm ops permissions --nkeys --out FILE\`. Needs no broker.`

/** The process's exit code: 0 when a key was shown, else 1. */
export async function runNkey(argv: readonly string[], output: Output = console): Promise<number> {
  try {
    const { values, positionals } = parse(argv)
    if (values.help || argv.length === 0) {
      output.log(HELP)
      return 0
    }
    const user = await userOf(positionals)
    const pair = createUser()
    const publicKey = pair.getPublicKey()
    const seed = new TextDecoder().decode(pair.getSeed())
    pair.clear()
    const [forBroker, forUser] = [
      nkeyVariable(user),
      OPERATORS.includes(user) ? `${nkeyVariable(user)}_SEED` : 'NATS_NKEY_SEED',
    ]
    if (values.json) {
      output.log(
        JSON.stringify({ user, publicKey, seed, variables: { [forBroker]: publicKey, [forUser]: seed } }, null, 2),
      )
      return 0
    }
    output.log(`# for the broker\n${forBroker}=${publicKey}\n# for ${user} alone; shown once\n${forUser}=${seed}`)
    return 0
  } catch (error) {
    output.error(`ops nkey: ${(error as Error).message}`)
    return 1
  }
}

function parse(argv: readonly string[]) {
  const options = { json: { type: 'boolean', default: false }, help: HELP_FLAG } as const
  return parseFlags(argv, options, true)
}

async function userOf(positionals: readonly string[]): Promise<string> {
  const users = [...(await readApps()).map(({ name }) => name), ...OPERATORS]
  const [name, ...rest] = positionals
  if (name === undefined || rest.length > 0 || !users.includes(name))
    throw new UsageError(`give one user: ${users.join(', ')}`)
  return name
}
