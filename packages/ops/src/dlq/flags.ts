import { durationMs, newCommand, oneOf, readCommandLine, UsageError, wholeNumber } from '@alarm-bus/command-line'
import { contracts } from '@alarm-bus/contracts'
import { DeadLetterReason } from '@alarm-bus/nats-kit'
import type { DeadLetterFilter } from '@alarm-bus/nats-kit/admin'
import { ENVIRONMENT_HELP } from '../environment-help.ts'

export type DlqAction = 'list' | 'show' | 'redrive' | 'discard'

/** What a person asked for, checked. */
export interface DlqCommand {
  readonly action: DlqAction
  readonly stream: string
  readonly filter: DeadLetterFilter
  /** Without it nothing is changed. */
  readonly apply: boolean
  readonly json: boolean
  readonly waitMs: number
  readonly ratePerSecond?: number
  readonly maxRedrives?: number
}

interface Common {
  readonly stream?: string
  readonly json?: true
  readonly waitMs: number
}

interface Filters {
  readonly channel?: string
  readonly consumer?: string
  readonly reason?: string
  readonly olderThan?: number
  readonly newerThan?: number
  readonly limit?: number
}

const sequence = wholeNumber(1, 999_999_999_999_999)
const STREAMS = contracts.streams.map(({ name }) => name)

/** The command, or the help where it was asked for. @throws UsageError saying what cannot be used. */
export function readCommand(argv: readonly string[]): DlqCommand | string {
  let asked: DlqCommand | undefined
  const take = (action: DlqAction, common: Common, filter: DeadLetterFilter, more: Partial<DlqCommand> = {}): void => {
    const stream = common.stream ?? (STREAMS.length === 1 ? STREAMS[0] : undefined)
    if (stream === undefined) throw new UsageError(`--stream is needed; expected one of: ${STREAMS.join(', ')}`)
    asked = { action, stream, filter, apply: false, json: common.json ?? false, waitMs: common.waitMs, ...more }
  }

  const command = newCommand(
    'pnpm ops dlq',
    'Dead letters: messages that could not be handled.',
    `\`pnpm ops dlq <command> --help\` shows the flags of each.

Exit code 0, or 1 when something failed.
${ENVIRONMENT_HELP}`,
  )
  command.addCommand(
    filtered(common(newCommand('list', 'The dead letters that match, the oldest first.'))).action((flags) =>
      take('list', flags, filterOf(flags)),
    ),
  )
  command.addCommand(
    common(newCommand('show', 'One dead letter, with its headers and body.'))
      .argument('<number>', 'its number, as the list shows it', sequence)
      .action((seq, flags) => take('show', flags, { seq })),
  )
  command.addCommand(
    filtered(common(newCommand('redrive', 'Sends dead letters again, each to the one consumer that failed.')))
      .argument('[number]', 'one alone', sequence)
      .option('--apply', 'does it; without it nothing is changed')
      .option('--rate <n>', 'messages a second at most (default: 10)', positive)
      .option('--max-redrives <n>', 'leaves a message that was redriven so often (default: 3)', sequence)
      .action((seq, flags) =>
        take('redrive', flags, filterOf(flags, seq), {
          apply: flags.apply ?? false,
          ...(flags.rate !== undefined && { ratePerSecond: flags.rate }),
          ...(flags.maxRedrives !== undefined && { maxRedrives: flags.maxRedrives }),
        }),
      ),
  )
  command.addCommand(
    filtered(common(newCommand('discard', 'Removes dead letters for good.')))
      .argument('[number]', 'one alone', sequence)
      .option('--all', 'every dead letter, in place of a filter')
      .option('--apply', 'does it; without it nothing is changed')
      .action((seq, flags) => {
        const filter = filterOf(flags, seq)
        const { limit: _, ...narrowing } = filter
        if (flags.apply && !flags.all && Object.keys(narrowing).length === 0)
          throw new UsageError(
            'dlq discard --apply needs a filter or the number of a letter; --all discards every letter',
          )
        take('discard', flags, filter, { apply: flags.apply ?? false })
      }),
  )
  const help = readCommandLine(command, argv.length === 0 ? ['--help'] : argv)
  return help ?? (asked as unknown as DlqCommand)
}

function common(command: ReturnType<typeof newCommand>) {
  return command
    .option('--stream <name>', 'whose dead letters, where several streams are declared', oneOf(...STREAMS))
    .option('--json', 'one JSON document in place of lines')
    .option('--wait-ms <n>', 'waits this long for the broker', wholeNumber(1), 10_000)
}

function filtered(command: ReturnType<typeof common>) {
  return command
    .option('--channel <name>', 'those of a channel')
    .option('--consumer <name>', 'those of a consumer')
    .option('--reason <name>', 'those with this reason', oneOf(...Object.values(DeadLetterReason)))
    .option('--older-than <age>', 'stored longer ago, such as 1h; in ms, s, m, h or d', durationMs)
    .option('--newer-than <age>', 'stored more lately, such as 7d', durationMs)
    .option('--limit <n>', 'so many at most', sequence)
}

function filterOf(flags: Filters, seq?: number): DeadLetterFilter {
  const { channel, consumer, reason, olderThan, newerThan, limit } = flags
  return {
    ...(channel !== undefined && { channel }),
    ...(consumer !== undefined && { consumer }),
    ...(reason !== undefined && { reason }),
    ...(olderThan !== undefined && { olderThanMs: olderThan }),
    ...(newerThan !== undefined && { newerThanMs: newerThan }),
    ...(limit !== undefined && { limit }),
    ...(seq !== undefined && { seq }),
  }
}

function positive(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) > 0) return Number(text)
  throw new UsageError(`--rate must be messages a second, above 0, not ${JSON.stringify(text)}`)
}
