import { z } from 'zod'
import { assertComparable } from './assert-comparable.ts'
import { ContractError } from './contract-error.ts'
import { toJsonSchema } from './to-json-schema.ts'

/** Bytes of one encoded message when a channel says nothing else: 64 KiB, a quarter of the broker's `max_payload`. */
const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024

/** Characters of a channel's name: it becomes part of consumer names, permissions and URLs. */
const CHANNEL_NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/
const MAX_CHANNEL_NAME_CHARACTERS = 64
const MAX_SUBJECT_CHARACTERS = 200

/**
 * Which side may be a release behind when the schema changes.
 *
 * - `backward`: new consumers read what old producers sent, and what is still stored.
 * - `forward`: old consumers read what new producers send.
 * - `full`: both. `none`: nothing is promised.
 */
export type Compatibility = 'backward' | 'forward' | 'full' | 'none'
const COMPATIBILITIES: readonly Compatibility[] = ['backward', 'forward', 'full', 'none']

export interface ChannelOptions<Name extends string, Schema extends z.ZodType> {
  /** Kebab case, unique among all channels: `alarm-to-bot`. */
  readonly name: Name
  /** The NATS subject, literal tokens only: `alarm.to.bot`. */
  readonly subject: string
  /** What a message looks like. Plain `z.object`: publishers are held to it strictly, consumers read it leniently. */
  readonly schema: Schema
  /** One sentence for people: what a message on this channel means. */
  readonly description: string
  /** The team that decides about the schema. */
  readonly owner?: string
  /** What a change of the schema may break. Default `backward`. */
  readonly compatibility?: Compatibility
  /** Contract version, a whole number from 1; it travels with each message as a header. Default 1. */
  readonly version?: number
  /** Most bytes of one encoded message. Default 65,536. */
  readonly maxMessageBytes?: number
}

/** A channel: one subject, one message schema. Plain data; knows nothing of a NATS client. */
export interface Channel<Name extends string = string, Schema extends z.ZodType = z.ZodType> {
  readonly name: Name
  readonly subject: string
  readonly schema: Schema
  readonly description: string
  /** The team that decides about the schema, undefined where none is named. */
  readonly owner: string | undefined
  readonly compatibility: Compatibility
  readonly version: number
  readonly maxMessageBytes: number
  /** The schema as JSON Schema (draft 2020-12), for documents and for people. */
  readonly jsonSchema: Readonly<Record<string, unknown>>
  /** The version before this one, live beside it; undefined where there is none. See `defineVersion`. */
  readonly previous: PreviousVersion | undefined
}

/** The version of a channel before another one, and how its messages become the other's. */
export interface PreviousVersion {
  readonly channel: Channel
  readonly upcast: (message: never) => unknown
}

/** What a consumer of the channel receives. */
export type MessageOf<C extends Channel> = z.output<C['schema']>
/** What a publisher on the channel may pass: fields with a default may be left out. */
export type MessageInputOf<C extends Channel> = z.input<C['schema']>

/**
 * Declares a channel.
 *
 * @throws ContractError naming the channel, when its name, subject, version, bound or schema cannot work.
 */
export function defineChannel<const Name extends string, Schema extends z.ZodType>(
  options: ChannelOptions<Name, Schema>,
): Channel<Name, Schema> {
  const { name, subject, schema, description, owner, compatibility = 'backward' } = options
  const { version = 1, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES } = options
  if (!CHANNEL_NAME.test(name) || name.length > MAX_CHANNEL_NAME_CHARACTERS) {
    throw new ContractError(
      `channel ${JSON.stringify(name)}: the name must be kebab case (a-z, 0-9, "-"), at most ${MAX_CHANNEL_NAME_CHARACTERS} characters`,
    )
  }
  assertSubject(name, subject)
  if (!COMPATIBILITIES.includes(compatibility)) {
    throw new ContractError(
      `channel ${JSON.stringify(name)}: compatibility must be one of ${COMPATIBILITIES.join(', ')}, not ${JSON.stringify(compatibility)}`,
    )
  }
  assertWholeNumber(name, 'version', version)
  assertWholeNumber(name, 'maxMessageBytes', maxMessageBytes)
  assertComparable(name, schema, compatibility === 'none')
  const jsonSchema = carriedAsJson(name, schema)
  return Object.freeze({
    name,
    subject,
    schema,
    description,
    owner,
    compatibility,
    version,
    maxMessageBytes,
    jsonSchema,
    previous: undefined,
  })
}

/** The server stores a publish on `t.*` as it is, so a wildcard or an empty token has to be refused here. */
function assertSubject(channel: string, subject: string): void {
  const refuse = (why: string): never => {
    throw new ContractError(`channel ${JSON.stringify(channel)}: subject ${JSON.stringify(subject)} ${why}`)
  }
  if (subject.length === 0) refuse('is empty')
  if (subject.length > MAX_SUBJECT_CHARACTERS) refuse(`is longer than ${MAX_SUBJECT_CHARACTERS} characters`)
  if (/[\s\u0000-\u001f\u007f]/.test(subject)) refuse('contains a blank or a control character')
  if (/[*>]/.test(subject)) refuse('contains a wildcard; a channel is one literal subject')
  if (subject.split('.').includes('')) refuse('has an empty token')
  if (subject.startsWith('$') || subject.startsWith('_'))
    refuse('starts with "$" or "_", which the broker keeps for itself')
}

function assertWholeNumber(channel: string, what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new ContractError(`channel ${JSON.stringify(channel)}: ${what} must be a whole number from 1, not ${value}`)
  }
}

/** A message has to survive JSON unchanged, so a schema that JSON Schema cannot express is refused. */
function carriedAsJson(channel: string, schema: z.ZodType): Readonly<Record<string, unknown>> {
  try {
    z.toJSONSchema(schema, { io: 'output', unrepresentable: 'throw' })
    return toJsonSchema(schema)
  } catch (cause) {
    throw new ContractError(
      `channel ${JSON.stringify(channel)}: the schema cannot be carried as JSON (${(cause as Error).message}); use strings, numbers, booleans, arrays and objects`,
      { cause },
    )
  }
}
