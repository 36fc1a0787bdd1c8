import { newCommand, readCommandLine, UsageError, wholeNumber } from '@alarm-bus/command-line'
import { contracts } from '@alarm-bus/contracts'
import { fail } from '../plan/fail.ts'
import { type Terminal, terminal } from '../plan/terminal.ts'
import { askProducer, type ProducerAnswer, problemOf, PRODUCER_HELP } from './producer-api.ts'

const NOTES = `Exit code 0 when at least one app knows the message, 2 when none does, 1 when it
could not be found out.
${PRODUCER_HELP}`

type Outcome = Readonly<Record<string, unknown>>

/** The process's exit code: 0 when the message is known, 2 when it is not, 1 when that could not be found out. */
export async function runMessage(argv: readonly string[], to: Terminal = terminal): Promise<number> {
  const wantsJson = argv.includes('--json')
  try {
    const names: readonly string[] = contracts.channels.map(({ name }) => name)
    const command = newCommand(
      'pnpm ops message',
      'What became of a message: stored where, delivered to which sinks, waiting for which retry, dead and why.',
      NOTES,
    )
      .argument('<id>', "the message's id, as the receipt has it")
      .option('--channel <name>', 'asks for this channel alone')
      .option('--json', 'one JSON document in place of lines')
      .option('--wait-ms <n>', 'waits this long for each answer', wholeNumber(1), 10_000)
    const help = readCommandLine(command, argv.length === 0 ? ['--help'] : argv)
    if (help !== undefined) {
      to.say(help)
      return 0
    }
    const [id] = command.processedArgs
    const { channel, waitMs } = command.opts()
    if (channel !== undefined && !names.includes(channel))
      throw new UsageError(`unknown channel ${JSON.stringify(channel)}; expected one of: ${names.join(', ')}`)
    const found: Outcome[] = []
    const failed: string[] = []
    for (const name of channel === undefined ? names : [channel]) {
      const path = `/channels/${name}/messages/${encodeURIComponent(id)}`
      const answer = await askProducer(to.environment, path, { timeoutMs: waitMs })
      if (answer.status === 200) found.push(answer.body)
      // The producer has no route for a channel that it does not publish on; one that was named is an error.
      else if (!isUnknown(answer, channel === undefined)) failed.push(`${name}: ${problemOf(answer)}`)
    }
    if (found.length === 0 && failed.length > 0) throw new Error(failed.join('; '))
    if (wantsJson) to.say(JSON.stringify({ id, found }, null, 2))
    else for (const line of found.flatMap(describeOutcome)) to.say(line)
    if (found.length > 0) return 0
    if (!wantsJson)
      to.say(`no app knows a message ${JSON.stringify(id)}: it was not stored, not handled yet, or is too old`)
    return 2
  } catch (error) {
    return fail(to, 'message', error, wantsJson ? {} : undefined)
  }
}

function isUnknown({ status, body }: ProducerAnswer, anyChannel: boolean): boolean {
  const type = String(body['type'])
  return status === 404 && (type.endsWith('unknown-message') || (anyChannel && type.endsWith('unknown-channel')))
}

/** `name: value` for all that is known, a line each, indented below what it belongs to. */
export function describeOutcome({ channel, id, ...parts }: Outcome): string[] {
  return [`${String(channel)} ${String(id)}`, ...linesOf(parts, '  ')]
}

function linesOf(value: Outcome, indent: string): string[] {
  return Object.entries(value).flatMap(([name, part]) => {
    if (Array.isArray(part))
      return part.length === 0 ? [] : [`${indent}${name}`, ...part.map((one) => `${indent}  ${inline(one)}`)]
    if (typeof part === 'object' && part !== null)
      return [`${indent}${name}`, ...linesOf(part as Outcome, `${indent}  `)]
    return [`${indent}${name}: ${inline(part)}`]
  })
}

function inline(value: unknown): string {
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? value : JSON.stringify(value)
  return Object.entries(value)
    .map(([name, part]) => `${name} ${inline(part)}`)
    .join(', ')
}
