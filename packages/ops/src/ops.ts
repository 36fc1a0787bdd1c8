import { runApiKey } from './api-key/run-api-key.ts'
import { runCertificates } from './certificates/run-certificates.ts'
import { runConsumers } from './consumers/run-consumers.ts'
import { runDlq } from './dlq/run-dlq.ts'
import { runNkey } from './nkey/run-nkey.ts'
import { runPermissions } from './permissions/run-permissions.ts'
import { runApply } from './plan/run-apply.ts'
import { runPlan } from './plan/run-plan.ts'

/** What an operator can do, each with its own flags and `--help`. A command gets what stands behind its name. */
const COMMANDS: Readonly<Record<string, (argv: readonly string[]) => Promise<number>>> = {
  apply: runApply,
  'api-key': runApiKey,
  certificates: runCertificates,
  consumers: runConsumers,
  dlq: runDlq,
  nkey: runNkey,
  permissions: runPermissions,
  plan: runPlan,
}

const HELP = `pnpm ops <command>

  api-key      a key for a client of the producer's API
  plan         what would change on the broker to make it what the code declares
  apply        makes it so
  certificates for the routes between the brokers of a cluster
  consumers    those that nobody owns any more: prune
  dlq          dead letters: list, show, redrive, discard
  nkey         a key for a user of the broker
  permissions  what each app may do on the broker, from what it declares

Each command has --help.`

/** The process's exit code: 0 when it is done, 1 when it is not; `plan` has one more. */
async function main(argv: readonly string[]): Promise<number> {
  // pnpm 12 hands a "--" on to the script.
  const [name = '--help', ...rest] = argv.filter((argument) => argument !== '--')
  if (name === '--help' || name === 'help') {
    console.log(HELP)
    return 0
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command) return command(rest)
  console.error(`ops: there is no command ${JSON.stringify(name)}; there is: ${Object.keys(COMMANDS).join(', ')}`)
  return 1
}

// Whoever read the output has seen enough, such as `head`.
process.stdout.on('error', () => process.exit(1))
process.exitCode = await main(process.argv.slice(2))
