import { Command, CommanderError, type CommandUnknownOpts, InvalidArgumentError } from '@commander-js/extra-typings'

/** What was typed cannot be used; the message says what can. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const HELP_WIDTH = 80

/** A command, its flags and its help in one place. `notes` follow the flags in the help. */
export function newCommand<const Name extends string>(name: Name, summary: string, notes?: string) {
  const command = new Command(name)
    .description(summary)
    .helpOption('-h, --help', 'shows this')
    .helpCommand(false)
    .configureHelp({ subcommandTerm: (one) => one.name() })
  return notes === undefined ? command : command.addHelpText('after', `\n${notes}`)
}

/**
 * Reads a command line into `command`, whose `opts()` and `processedArgs` hold it afterwards.
 *
 * @returns the help, where it was asked for; the command holds nothing then.
 * @throws UsageError for what is unknown, with the nearest name; for a value that is missing or invalid; and for a flag
 *   that is given twice, because one of the two would be ignored.
 */
export function readCommandLine(command: CommandUnknownOpts, argv: readonly string[]): string | undefined {
  let help = ''
  for (const one of [command, ...command.commands]) {
    one.exitOverride().configureOutput({
      writeOut: (text) => (help += text),
      writeErr: () => undefined,
      getOutHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
    })
    refuseRepeated(one)
  }
  try {
    command.parse([...argv], { from: 'user' })
    return undefined
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return help.trimEnd()
    throw new UsageError(messageOf(error, command), { cause: error })
  }
}

function refuseRepeated(command: CommandUnknownOpts): void {
  const given = new Set<string>()
  for (const option of command.options) {
    if (option.isBoolean() || option.parseArg === repeatable) continue
    command.on(`option:${option.name()}`, () => {
      if (given.has(option.name())) throw new UsageError(`${option.long} is given twice; give it once`)
      given.add(option.name())
    })
  }
}

function messageOf({ code, message }: CommanderError, { commands }: CommandUnknownOpts): string {
  const said = message.replace(/^error: /, '').replaceAll('\n', ' ')
  if (code !== 'commander.unknownCommand') return said
  return `${said}; expected one of: ${commands.map((one) => one.name()).join(', ')}`
}

/** For a flag that may be given several times. */
export function repeatable(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text]
}

/** For a flag whose value is a whole number within limits. */
export function wholeNumber(min: number, max = 999_999_999): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d{1,15}$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** For a flag whose value is a duration: `90s`, `30m`, `1h`, `7d` or `500ms`, in milliseconds. */
export function durationMs(text: string): number {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text)
  if (!match) throw new InvalidArgumentError('It must be a duration such as 90s, 30m, 1h or 7d.')
  return Number(match[1]) * UNITS_MS[match[2] as keyof typeof UNITS_MS]
}

/** For a flag whose value is one of a few. */
export function oneOf<const T extends string>(...values: readonly T[]): (text: string) => T {
  return (text) => {
    const value = values.find((known) => known === text)
    if (value !== undefined) return value
    throw new InvalidArgumentError(`Expected one of: ${values.join(', ')}.`)
  }
}
