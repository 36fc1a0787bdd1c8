import type { z } from 'zod'
import { ContractError } from './contract-error.ts'
import { assertName, assertSubject, assertWholeNumber } from './declared-fields.ts'
import { type MessageShape, shapeOf } from './message-shape.ts'

/** Bytes of one encoded message when a channel says nothing else: 64 KiB, a quarter of the broker's `max_payload`. */
const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024

/**
 * Which side may be a release behind when the schema changes.
 *
 * - `backward`: new consumers read what old producers sent, and what is still stored.
 * - `forward`: old consumers read what new producers send.
 * - `full`: both. `none`: nothing is promised.
 */
export type Compatibility = 'backward' | 'forward' | 'full' | 'none'
export const COMPATIBILITIES: readonly Compatibility[] = ['backward', 'forward', 'full', 'none']

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
  /**
   * A field of the message that every message has, text or a whole number: `order`. Messages with the same value are
   * handled one after another, in the order in which they were stored, and different ones side by side; how far that
   * holds is in `docs/order-by-key.md`. Default none: all side by side.
   */
  readonly key?: string
}

/** A channel: one subject, one message schema. Plain data; knows nothing of a NATS client. */
export interface Channel<
  Name extends string = string,
  Schema extends z.ZodType = z.ZodType,
> extends MessageShape<Schema> {
  readonly name: Name
  readonly subject: string
  readonly description: string
  /** The team that decides about the schema, undefined where none is named. */
  readonly owner: string | undefined
  readonly compatibility: Compatibility
  readonly version: number
  readonly maxMessageBytes: number
  /** The field whose value orders messages, undefined where nothing does. */
  readonly key: string | undefined
  /** The version before this one, live beside it; undefined where there is none. See `defineVersion`. */
  readonly previous: PreviousVersion | undefined
}

/** The version of a channel before another one, and how its messages become the other's. */
export interface PreviousVersion {
  readonly channel: Channel
  readonly upcast: (message: never) => unknown
}

/** What a consumer of the channel receives. */
export type MessageOf<C extends MessageShape> = z.output<C['schema']>
/** What a publisher on the channel may pass: fields with a default may be left out. */
export type MessageInputOf<C extends MessageShape> = z.input<C['schema']>

/**
 * Declares a channel.
 *
 * @throws ContractError naming the channel, when its name, subject, version, bound or schema cannot work.
 */
export function defineChannel<const Name extends string, Schema extends z.ZodType>(
  options: ChannelOptions<Name, Schema>,
): Channel<Name, Schema> {
  const { name, subject, schema, description, owner, compatibility = 'backward' } = options
  const { version = 1, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, key } = options
  const what = `channel ${JSON.stringify(name)}`
  assertName(what, name)
  assertSubject(what, subject)
  if (!COMPATIBILITIES.includes(compatibility)) {
    throw new ContractError(
      `${what}: compatibility must be one of ${COMPATIBILITIES.join(', ')}, not ${JSON.stringify(compatibility)}`,
    )
  }
  assertWholeNumber(what, 'version', version)
  assertWholeNumber(what, 'maxMessageBytes', maxMessageBytes)
  const { jsonSchema } = shapeOf(what, schema, compatibility === 'none')
  if (key !== undefined) assertKey(what, key, jsonSchema)
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
    key,
    previous: undefined,
  })
}

/** A message without its key would be in no order. */
function assertKey(what: string, key: string, jsonSchema: Readonly<Record<string, unknown>>): void {
  const { properties, required } = jsonSchema as {
    readonly properties?: Readonly<Record<string, { readonly type?: unknown }>>
    readonly required?: readonly string[]
  }
  const type = properties && Object.hasOwn(properties, key) ? properties[key]?.type : undefined
  if ((type === 'string' || type === 'integer') && required?.includes(key) === true) return
  throw new ContractError(
    `${what}: key ${JSON.stringify(key)} must be a field of the schema that every message has, text or a whole number`,
  )
}
