type Run = (argv: readonly string[]) => Promise<number>

/**
 * What an operator can do, each with its own flags and `--help`. A command gets what stands behind its name. Only the one
 * that runs is loaded: certificates alone bring as many modules as all others.
 */
const COMMANDS: Readonly<Record<string, () => Promise<Run>>> = {
  apply: async () => (await import('./plan/run-apply.ts')).runApply,
  'api-key': async () => (await import('./api-key/run-api-key.ts')).runApiKey,
  certificates: async () => (await import('./certificates/run-certificates.ts')).runCertificates,
  consumers: async () => (await import('./consumers/run-consumers.ts')).runConsumers,
  dlq: async () => (await import('./dlq/run-dlq.ts')).runDlq,
  nkey: async () => (await import('./nkey/run-nkey.ts')).runNkey,
  permissions: async () => (await import('./permissions/run-permissions.ts')).runPermissions,
  secrets: async () => (await import('./secrets/run-secrets.ts')).runSecrets,
  plan: async () => (await import('./plan/run-plan.ts')).runPlan,
  status: async () => (await import('./status/run-status.ts')).runStatus,
}

const HELP = `pnpm ops <command>

  api-key      a key for a client of the producer's API
  plan         what would change on the broker to make it what the code declares
  apply        makes it so
  certificates of brokers, for their clients and each other
  consumers    those without an owner: prune
  dlq          dead letters: list, show, redrive, discard
  nkey         a key for a user of the broker
  permissions  what each app may do on the broker, from what it declares
  secrets      passwords, certificates and keys for docker compose
  status       what is on the bus and what is wrong, on one screen

Each command has --help.`

/** The process's exit code: 0 when it is done, 1 when it is not; `plan` has one more. */
async function main(argv: readonly string[]): Promise<number> {
  // pnpm 12 hands a "--" on to the script.
  const [name = '--help', ...rest] = argv.filter((argument) => argument !== '--')
  if (name === '--help' || name === '-h' || name === 'help') {
    console.log(HELP)
    return 0
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command) return (await command())(rest)
  console.error(`ops: unknown command ${JSON.stringify(name)}; expected one of: ${Object.keys(COMMANDS).join(', ')}`)
  return 1
}

// Whoever read the output has seen enough, such as `head`.
process.stdout.on('error', () => process.exit(1))
process.exitCode = await main(process.argv.slice(2))
