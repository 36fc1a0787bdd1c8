import { contracts } from '@alarm-bus/contracts'
import { DeadLetterReason } from '@alarm-bus/nats-kit'
import type { DeadLetterFilter } from '@alarm-bus/nats-kit/admin'
import { UsageError } from '../config.ts'
import { HELP_FLAG, parseFlags } from '../parse-flags.ts'
import { readDuration } from './duration.ts'

const ACTIONS = ['list', 'show', 'redrive', 'discard'] as const
type Action = (typeof ACTIONS)[number]

/** What a person asked for, checked. */
export interface DlqCommand {
  readonly action: Action
  readonly stream: string
  readonly filter: DeadLetterFilter
  /** Without it nothing is changed. */
  readonly apply: boolean
  readonly json: boolean
  readonly waitMs: number
  readonly ratePerSecond?: number
  readonly maxRedrives?: number
}

const COMMON = ['stream', 'json', 'wait-ms', 'help'] as const
const FILTERS = ['channel', 'consumer', 'reason', 'older-than', 'newer-than', 'limit'] as const
/** A flag that an action does not know is refused: ignored, it would be taken for obeyed. */
const ALLOWED: Readonly<Record<Action, ReadonlySet<string>>> = {
  list: new Set([...COMMON, ...FILTERS]),
  show: new Set(COMMON),
  redrive: new Set([...COMMON, ...FILTERS, 'rate', 'max-redrives', 'apply']),
  discard: new Set([...COMMON, ...FILTERS, 'all', 'apply']),
}

const OPTIONS = {
  stream: { type: 'string' },
  channel: { type: 'string' },
  consumer: { type: 'string' },
  reason: { type: 'string' },
  'older-than': { type: 'string' },
  'newer-than': { type: 'string' },
  limit: { type: 'string' },
  rate: { type: 'string' },
  'max-redrives': { type: 'string' },
  'wait-ms': { type: 'string' },
  all: { type: 'boolean' },
  apply: { type: 'boolean' },
  json: { type: 'boolean' },
  help: HELP_FLAG,
} as const

/**
 * The command, or undefined where help was asked for.
 *
 * @param handled the streams that some app handles messages of: the others have no dead letters.
 * @throws UsageError saying what cannot be used.
 */
export function readCommand(
  argv: readonly string[],
  handled: readonly string[] = contracts.streams.map(({ name }) => name),
): DlqCommand | undefined {
  const { values, positionals } = parse(argv)
  const [name, number, ...more] = positionals
  if (values.help || (name === undefined && argv.length === 0)) return undefined
  const action = ACTIONS.find((known) => known === name)
  if (!action) throw new UsageError(`there is no dlq ${name ?? 'without an action'}; there is: ${ACTIONS.join(', ')}`)
  const foreign = Object.keys(values).find((flag) => !ALLOWED[action].has(flag))
  if (foreign !== undefined) throw new UsageError(`dlq ${action} has no --${foreign}`)
  if (more.length > 0 || (action === 'list' && number !== undefined)) {
    throw new UsageError(`dlq ${action} does not know what to do with ${JSON.stringify(more[0] ?? number)}`)
  }
  if (action === 'show' && number === undefined)
    throw new UsageError('dlq show needs the number of a letter: dlq show 17')
  const filter = readFilter(values, number)
  const { limit: _, ...narrowing } = filter
  if (action === 'discard' && values.apply && !values.all && Object.keys(narrowing).length === 0) {
    throw new UsageError('dlq discard --apply needs a filter or the number of a letter; --all discards every letter')
  }
  const rate = values.rate
  if (rate !== undefined && !(/^\d+(\.\d+)?$/.test(rate) && Number(rate) > 0)) {
    throw new UsageError(`--rate must be messages a second, above 0, not ${JSON.stringify(rate)}`)
  }
  return {
    action,
    stream: readStream(values.stream, handled),
    filter,
    apply: values.apply ?? false,
    json: values.json ?? false,
    waitMs: whole('--wait-ms', values['wait-ms'] ?? '10000'),
    ...(rate === undefined ? {} : { ratePerSecond: Number(rate) }),
    ...(values['max-redrives'] === undefined ? {} : { maxRedrives: whole('--max-redrives', values['max-redrives']) }),
  }
}

function parse(argv: readonly string[]) {
  return parseFlags(argv, OPTIONS, true)
}

type Values = ReturnType<typeof parse>['values']

function readFilter(values: Values, number: string | undefined): DeadLetterFilter {
  const { channel, consumer, reason } = values
  if (reason !== undefined) known('reason', reason, Object.values(DeadLetterReason))
  const older = values['older-than']
  const newer = values['newer-than']
  return {
    ...(channel === undefined ? {} : { channel }),
    ...(consumer === undefined ? {} : { consumer }),
    ...(reason === undefined ? {} : { reason }),
    ...(older === undefined ? {} : { olderThanMs: readDuration('older-than', older) }),
    ...(newer === undefined ? {} : { newerThanMs: readDuration('newer-than', newer) }),
    ...(values.limit === undefined ? {} : { limit: whole('--limit', values.limit) }),
    ...(number === undefined ? {} : { seq: whole('the number of a letter', number) }),
  }
}

/** A name with a slip in it would match nothing, which looks like good news. */
function known(flag: string, value: string, values: readonly string[]): void {
  if (!values.includes(value)) {
    throw new UsageError(`--${flag} ${JSON.stringify(value)} does not exist; there is: ${values.join(', ')}`)
  }
}

function readStream(name: string | undefined, handled: readonly string[]): string {
  const names = contracts.streams.map((stream) => stream.name)
  if (name !== undefined) known('stream', name, names)
  else if (handled.length > 1) throw new UsageError(`--stream is needed; there is: ${handled.join(', ')}`)
  return name ?? handled[0] ?? (names[0] as string)
}

function whole(what: string, text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new UsageError(`${what} must be a whole number from 1, not ${JSON.stringify(text)}`)
  return Number(text)
}
