import { newCommand, readCommandLine, UsageError } from '@alarm-bus/command-line'
import { checkApp, type Kind, KINDS } from './check-app.ts'
import { checkChannel } from './check-channel.ts'
import { checkRequest, NO_STREAM } from './check-request.ts'

/** A generator, and an answer to each of its questions. */
export interface NewCommand {
  readonly generator: 'app' | 'channel' | 'request'
  readonly answers: readonly string[]
}

/** @turbo/gen asks the question all the same. */
const ASK = '_'

type Values = Readonly<Record<string, string | undefined>>

const NOTES = `What is left out is asked.

  pnpm new app billing --handles alarm-to-bot --owner payments
  pnpm new channel refund --subject refund --stream SHOP --owner payments --description "A refund was made."`

/**
 * The command, or the help where it was asked for.
 *
 * @param canAsk whether a person is there for what is left out.
 * @throws Error before anything is written.
 */
export function readFlags(argv: readonly string[], canAsk: boolean): NewCommand | string {
  let asked: { readonly generator: NewCommand['generator']; readonly answers: Values } | undefined
  const program = newCommand(
    'pnpm new',
    'Makes an app, a channel or a request that builds, tests and passes `pnpm check` as it is.',
    NOTES,
  )
  const described = (command: ReturnType<typeof newCommand>) =>
    command.argument('[name]').option('--owner <team>').option('--description <text>')
  program.addCommand(
    described(newCommand('app', 'an app that handles or publishes channels'))
      .option('--kind <kind>', KINDS.join(' or '))
      .option('--handles <channels>', 'with commas between them')
      .option('--publishes <channels>', 'with commas between them')
      .action((name, flags) => void (asked = { generator: 'app', answers: appAnswers(name, flags) })),
  )
  program.addCommand(
    described(newCommand('channel', 'a channel with its contract'))
      .option('--subject <subject>')
      .option('--stream <stream>')
      .action((name, { subject, stream, owner, description }) => {
        asked = { generator: 'channel', answers: { name, subject, stream, owner, description } }
      }),
  )
  program.addCommand(
    described(newCommand('request', 'a request with its answer'))
      .option('--subject <subject>')
      .option('--stream <stream>', 'of a stored one')
      .action((name, { subject, stream = NO_STREAM, owner, description }) => {
        asked = { generator: 'request', answers: { name, subject, stream, owner, description } }
      }),
  )
  const help = readCommandLine(program, argv.length === 0 || argv[0] === 'help' ? ['--help'] : argv)
  if (help !== undefined) return help
  const { generator, answers } = asked as unknown as NonNullable<typeof asked>
  const missing = Object.keys(answers).filter((key) => answers[key] === undefined)
  if (missing.length > 0 && !canAsk) {
    throw new UsageError(`give ${missing.map(flagOf).join(', ')}: there is no terminal to ask in`)
  }
  const problem = { app: checkApp, channel: checkChannel, request: checkRequest }[generator](answers)
  if (problem !== undefined) throw new UsageError(problem)
  return { generator, answers: Object.values(answers).map((answer) => answer ?? ASK) }
}

function flagOf(answer: string): string {
  if (answer === 'name') return 'a name'
  return answer === 'channels' ? '--handles or --publishes' : `--${answer}`
}

/** In the order of the questions. */
function appAnswers(name: string | undefined, { kind, handles, publishes, owner, description }: Values): Values {
  if (handles !== undefined && publishes !== undefined) {
    throw new UsageError(
      'a new app either handles or publishes: give --handles or --publishes, and add the other later',
    )
  }
  const implied: Kind | undefined =
    handles !== undefined ? 'consumer' : publishes !== undefined ? 'producer' : undefined
  if (kind !== undefined && !KINDS.includes(kind as Kind)) {
    throw new UsageError(`--kind must be one of ${KINDS.join(', ')}, not ${JSON.stringify(kind)}`)
  }
  if (kind !== undefined && implied !== undefined && kind !== implied) {
    throw new UsageError(`a ${kind} takes ${kind === 'consumer' ? '--handles' : '--publishes'}`)
  }
  const channels = handles ?? publishes
  return { name, kind: kind ?? implied, channels, owner, description: description ?? sentence(implied, channels) }
}

function sentence(kind: Kind | undefined, channels: string | undefined): string | undefined {
  if (kind === undefined || channels === undefined) return undefined
  return `${kind === 'consumer' ? 'Handles' : 'Publishes on'} ${channels.split(',').join(', ')}.`
}
