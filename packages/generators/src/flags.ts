import { parseArgs } from 'node:util'
import { checkApp, type Kind, KINDS } from './check-app.ts'
import { checkChannel } from './check-channel.ts'
import { checkRequest, NO_STREAM } from './check-request.ts'

/** What was typed cannot be used; the message says what can. */
export class UsageError extends Error {}

/** A generator, and an answer to each of its questions. */
export interface NewCommand {
  readonly generator: 'app' | 'channel' | 'request'
  readonly answers: readonly string[]
}

export const HELP = `Makes an app, a channel or a request that builds, tests and passes \`pnpm check\` as it is.

  pnpm new app NAME --handles CHANNEL[,…] --owner TEAM [--description TEXT]
  pnpm new app NAME --publishes CHANNEL[,…] --owner TEAM [--description TEXT]
  pnpm new channel NAME --subject SUBJECT --stream STREAM --owner TEAM --description TEXT
  pnpm new request NAME --subject SUBJECT --owner TEAM --description TEXT [--stream STREAM: a stored one]

What is left out is asked.`

/** @turbo/gen asks the question all the same. */
const ASK = '_'

const text = { type: 'string' } as const
const OPTIONS = {
  app: { kind: text, handles: text, publishes: text, owner: text, description: text },
  channel: { subject: text, stream: text, owner: text, description: text },
  request: { subject: text, stream: text, owner: text, description: text },
} as const
type Values = Readonly<Record<string, string | undefined>>

/**
 * The command, or undefined where help was asked for.
 *
 * @param canAsk whether a person is there for what is left out.
 * @throws UsageError before anything is written.
 */
export function readFlags(argv: readonly string[], canAsk: boolean): NewCommand | undefined {
  const [what, ...rest] = argv
  if (what === undefined || what === 'help' || argv.includes('--help')) return undefined
  if (what !== 'app' && what !== 'channel' && what !== 'request') {
    throw new UsageError(`unknown kind ${JSON.stringify(what)}; expected one of: app, channel, request`)
  }
  const { name, values } = parse(rest, OPTIONS[what])
  const answers = { app: appAnswers, channel: channelAnswers, request: requestAnswers }[what](name, values)
  const missing = Object.keys(answers).filter((key) => answers[key] === undefined)
  if (missing.length > 0 && !canAsk) {
    throw new UsageError(`nobody is there to ask for: ${missing.join(', ')}\n\n${HELP}`)
  }
  const problem = { app: checkApp, channel: checkChannel, request: checkRequest }[what](answers)
  if (problem !== undefined) throw new UsageError(problem)
  return { generator: what, answers: Object.values(answers).map((answer) => answer ?? ASK) }
}

function parse(argv: readonly string[], options: Readonly<Record<string, typeof text>>) {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true })
    if (positionals.length > 1) throw new Error(`one name at a time, not ${positionals.join(' and ')}`)
    return { name: positionals[0], values: values as Values }
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${HELP}`, { cause: error })
  }
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

function channelAnswers(name: string | undefined, { subject, stream, owner, description }: Values): Values {
  return { name, subject, stream, owner, description }
}

function requestAnswers(name: string | undefined, { subject, stream, owner, description }: Values): Values {
  return { name, subject, stream: stream ?? NO_STREAM, owner, description }
}
