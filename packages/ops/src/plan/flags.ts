import { newCommand, oneOf, readCommandLine, repeatable, UsageError, wholeNumber } from '@alarm-bus/command-line'
import { APPLY_NOTES, PLAN_NOTES } from './help.ts'

/** What `plan` and `apply` have in common. */
interface CommonFlags {
  readonly json: boolean
  readonly waitMs: number
  readonly streamsOnly: boolean
  readonly allowDestroy: boolean
  readonly destroy: readonly string[]
  readonly mode?: 'pull' | 'push'
}

export interface PlanFlags extends CommonFlags {
  /** The file to write the plan to. */
  readonly out?: string
}

export interface ApplyFlags extends CommonFlags {
  /** The plan's file. Not given: a plan is made now. */
  readonly file?: string
  readonly yes: boolean
  /** How long consumers and copies may take to get where they can be moved, in milliseconds. */
  readonly settleMs: number
}

/** The flags, or the help where it was asked for. @throws UsageError saying what cannot be used. */
export function readPlanFlags(argv: readonly string[]): PlanFlags | string {
  const command = common(
    newCommand(
      'pnpm ops plan',
      'What would change on the broker to make it what the code declares. Changes nothing.',
      PLAN_NOTES,
    ),
  ).option('--out <file>', 'writes the plan, for `pnpm ops apply FILE`')
  const help = readCommandLine(command, argv)
  if (help !== undefined) return help
  const { out, ...flags } = command.opts()
  if (out?.trim() === '') throw new UsageError('--out needs the name of a file')
  return { ...commonOf(flags), ...(out !== undefined && { out }) }
}

/** The flags, or the help where it was asked for. @throws UsageError saying what cannot be used. */
export function readApplyFlags(argv: readonly string[]): ApplyFlags | string {
  const command = common(newCommand('pnpm ops apply', 'Makes the broker what the code declares.', APPLY_NOTES))
    .argument(
      '[file]',
      'the plan to do, and no other; refused if broker, code or the file have changed since. Not given: makes a plan, shows it and asks',
    )
    .option('--yes', 'does not ask')
    .option(
      '--settle-ms <n>',
      'how long consumers may take to settle what they were given before they are moved',
      wholeNumber(0),
      60_000,
    )
  const help = readCommandLine(command, argv)
  if (help !== undefined) return help
  const [file] = command.processedArgs
  const { yes = false, settleMs, ...flags } = command.opts()
  if (file !== undefined && (flags.streamsOnly || flags.mode !== undefined))
    throw new UsageError('--streams-only and --mode belong to the plan; the file says already what it covers')
  return { ...commonOf(flags), settleMs, yes, ...(file !== undefined && { file }) }
}

function common(command: ReturnType<typeof newCommand>) {
  return command
    .option('--streams-only', "leaves consumers, and so the apps' declarations, out")
    .option(
      '--mode <mode>',
      'the apps run with that mode, pull or push; not given: consumers stay as they are, and new ones are as declared',
      oneOf('pull', 'push'),
    )
    .option('--allow-destroy', 'allows --destroy')
    .option(
      '--destroy <name>',
      'destroys a stream (NAME) or a consumer (STREAM/NAME) that is not declared, or recreates one that cannot be changed; repeat it for each. What is gone already counts as done',
      repeatable,
    )
    .option('--json', 'one JSON document in place of lines')
    .option('--wait-ms <n>', 'waits this long for the broker', wholeNumber(0), 30_000)
}

type CommonValues = Partial<Omit<CommonFlags, 'waitMs'>> & Pick<CommonFlags, 'waitMs'>

function commonOf(values: CommonValues): CommonFlags {
  const { json = false, streamsOnly = false, allowDestroy = false, destroy = [], waitMs, mode } = values
  if (destroy.length > 0 && !allowDestroy) throw new UsageError('--destroy needs --allow-destroy beside it')
  return { json, streamsOnly, waitMs, allowDestroy, destroy, ...(mode !== undefined && { mode }) }
}
