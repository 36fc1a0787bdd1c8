import { newCommand, readCommandLine } from '@alarm-bus/command-line'

type Run = (argv: readonly string[]) => Promise<number>

interface Entry {
  readonly summary: string
  readonly load: () => Promise<Run>
}

/**
 * What an operator can do, each with its own flags and `--help`. Only the one that runs is loaded: certificates alone
 * bring as many modules as all others.
 */
const COMMANDS: Readonly<Record<string, Entry>> = {
  status: {
    summary: 'what is on the bus and what is wrong, on one screen',
    load: async () => (await import('./status/run-status.ts')).runStatus,
  },
  tail: {
    summary: 'messages as they are stored on channels',
    load: async () => (await import('./tail/run-tail.ts')).runTail,
  },
  publish: {
    summary: 'publishes one message on a channel',
    load: async () => (await import('./producer-api/run-publish.ts')).runPublish,
  },
  message: {
    summary: 'what became of a message, by its id',
    load: async () => (await import('./producer-api/run-message.ts')).runMessage,
  },
  plan: {
    summary: 'what would change on the broker to make it what the code declares',
    load: async () => (await import('./plan/run-plan.ts')).runPlan,
  },
  apply: {
    summary: 'makes it so',
    load: async () => (await import('./plan/run-apply.ts')).runApply,
  },
  dlq: {
    summary: 'dead letters: list, show, redrive, discard',
    load: async () => (await import('./dlq/run-dlq.ts')).runDlq,
  },
  consumers: {
    summary: 'consumers without an owner: prune',
    load: async () => (await import('./consumers/run-consumers.ts')).runConsumers,
  },
  permissions: {
    summary: 'what each app may do on the broker, from what it declares',
    load: async () => (await import('./permissions/run-permissions.ts')).runPermissions,
  },
  secrets: {
    summary: 'passwords, certificates and keys for docker compose',
    load: async () => (await import('./secrets/run-secrets.ts')).runSecrets,
  },
  certificates: {
    summary: 'of brokers, for their clients and each other',
    load: async () => (await import('./certificates/run-certificates.ts')).runCertificates,
  },
  nkey: {
    summary: 'a key for a user of the broker',
    load: async () => (await import('./nkey/run-nkey.ts')).runNkey,
  },
  'api-key': {
    summary: "a key for a client of the producer's API",
    load: async () => (await import('./api-key/run-api-key.ts')).runApiKey,
  },
}

/** The process's exit code: 0 when it is done, 1 when it is not; `plan` and `status` have one more. */
async function main(argv: readonly string[]): Promise<number> {
  let asked: { readonly load: Entry['load']; readonly rest: readonly string[] } | undefined
  const program = newCommand('pnpm ops', 'Operates the bus.', '`pnpm ops <command> --help` shows the flags of each.')
    .usage('<command>')
    .enablePositionalOptions()
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = newCommand(name, summary)
      .helpOption(false)
      .argument('[flags...]')
      .allowUnknownOption()
      .passThroughOptions()
      .action((rest) => void (asked = { load, rest }))
    program.addCommand(command)
  }
  try {
    const help = readCommandLine(program, argv.length === 0 || argv[0] === 'help' ? ['--help'] : argv)
    if (help !== undefined) {
      console.log(help)
      return 0
    }
  } catch (error) {
    console.error(`ops: ${(error as Error).message}`)
    return 1
  }
  const { load, rest } = asked as unknown as NonNullable<typeof asked>
  return (await load())(rest)
}

// The reader of the output has seen enough, such as `head`.
process.stdout.on('error', () => process.exit(1))
// pnpm 12 hands a "--" on to the script.
process.exitCode = await main(process.argv.slice(2).filter((argument) => argument !== '--'))
