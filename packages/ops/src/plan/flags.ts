import { UsageError } from '../config.ts'
import { HELP_FLAG, parseFlags } from '../parse-flags.ts'

/** What `plan` and `apply` have in common. */
interface CommonFlags {
  readonly json: boolean
  readonly help: boolean
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

const COMMON = {
  json: { type: 'boolean' },
  help: HELP_FLAG,
  'wait-ms': { type: 'string' },
  'streams-only': { type: 'boolean' },
  'allow-destroy': { type: 'boolean' },
  destroy: { type: 'string', multiple: true },
  mode: { type: 'string' },
} as const

/** @throws UsageError saying what cannot be used. */
export function readPlanFlags(argv: readonly string[]): PlanFlags {
  const { values } = parseFlags(argv, { ...COMMON, out: { type: 'string' } })
  const { out } = values
  if (out?.trim() === '') throw new UsageError('--out needs the name of a file')
  return { ...commonOf(values), ...(out !== undefined && { out }) }
}

/** @throws UsageError saying what cannot be used. */
export function readApplyFlags(argv: readonly string[]): ApplyFlags {
  const { values, positionals } = parseFlags(
    argv,
    { ...COMMON, yes: { type: 'boolean' }, 'settle-ms': { type: 'string' } },
    true,
  )
  const [file, ...more] = positionals
  if (more.length > 0) throw new UsageError(`apply takes one plan, not also ${JSON.stringify(more[0])}`)
  if (file !== undefined && (values['streams-only'] || values.mode !== undefined))
    throw new UsageError('--streams-only and --mode belong to the plan; the file says already what it covers')
  const settleMs = milliseconds('--settle-ms', values['settle-ms'] ?? '60000')
  return { ...commonOf(values), settleMs, yes: values.yes ?? false, ...(file !== undefined && { file }) }
}

interface CommonValues {
  readonly json?: boolean
  readonly help?: boolean
  readonly 'wait-ms'?: string
  readonly 'streams-only'?: boolean
  readonly 'allow-destroy'?: boolean
  readonly destroy?: readonly string[]
  readonly mode?: string
}

function commonOf(values: CommonValues): CommonFlags {
  const { mode } = values
  if (mode !== undefined && mode !== 'pull' && mode !== 'push')
    throw new UsageError(`--mode must be pull or push, not ${JSON.stringify(mode)}`)
  const destroy = values.destroy ?? []
  const allowDestroy = values['allow-destroy'] ?? false
  if (destroy.length > 0 && !allowDestroy) throw new UsageError('--destroy needs --allow-destroy beside it')
  return {
    json: values.json ?? false,
    help: values.help ?? false,
    streamsOnly: values['streams-only'] ?? false,
    waitMs: milliseconds('--wait-ms', values['wait-ms'] ?? '30000'),
    ...(mode !== undefined && { mode }),
    allowDestroy,
    destroy,
  }
}

function milliseconds(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new UsageError(`${flag} must be a whole number of milliseconds, not ${JSON.stringify(text)}`)
  return Number(text)
}
