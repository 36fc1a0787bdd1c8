import { newCommand, oneOf, readCommandLine } from '@alarm-bus/command-line'
import { createUser } from '@nats-io/nkeys'
import { readApps } from '../apps/read-apps.ts'
import type { Output } from '../output.ts'
import { nkeyVariable } from '../permissions/user-variables.ts'

/** Users of people; the others are apps. */
const OPERATORS: readonly string[] = ['admin', 'migrator']

const NOTES = `The seed is shown once and is not stored: put it into the app's secrets at once.
The broker gets the public key, which is not secret, and a file of users from
\`pnpm ops permissions --nkeys --out FOLDER\`. Needs no broker.`

/** The process's exit code: 0 when a key was shown, else 1. */
export async function runNkey(argv: readonly string[], output: Output = console): Promise<number> {
  try {
    const users = [...(await readApps()).map(({ name }) => name), ...OPERATORS]
    const command = newCommand(
      'pnpm ops nkey',
      'A new key for a user of the broker: its public half for the broker, its seed for the user.',
      NOTES,
    )
      .argument('<user>', `one of: ${users.join(', ')}`, oneOf(...users))
      .option('--json', 'one JSON document in place of lines')
    const help = readCommandLine(command, argv.length === 0 ? ['--help'] : argv)
    if (help !== undefined) {
      output.log(help)
      return 0
    }
    const [user] = command.processedArgs
    const pair = createUser()
    const publicKey = pair.getPublicKey()
    const seed = new TextDecoder().decode(pair.getSeed())
    pair.clear()
    const [forBroker, forUser] = [
      nkeyVariable(user),
      OPERATORS.includes(user) ? `${nkeyVariable(user)}_SEED` : 'NATS_NKEY_SEED',
    ]
    if (command.opts().json) {
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
