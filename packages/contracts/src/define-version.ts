import type { z } from 'zod'
import { ContractError } from './contract-error.ts'
import { type Channel, type Compatibility, defineChannel, type MessageOf } from './define-channel.ts'

/** The next version's name: `alarm-to-bot` and then `alarm-to-bot-v2`, `alarm-to-bot-v3`. */
export type VersionName<Name extends string, Version extends number> = Name extends `${infer Base}-v${number}`
  ? `${Base}-v${Version}`
  : `${Name}-v${Version}`

export interface VersionOptions<Previous extends Channel, Version extends number, Schema extends z.ZodType> {
  /** Above the previous one's. */
  readonly version: Version
  /** A subject of its own: `alarm.to.bot.v2`. */
  readonly subject: string
  readonly schema: Schema
  /**
   * A message of the previous version as one of this version. Pure and synchronous; a message that it throws for, or
   * brings into a wrong shape, becomes a dead letter.
   */
  readonly upcast: (message: MessageOf<Previous>) => z.input<Schema>
  /** Default: the previous version's. */
  readonly description?: string
  /** Default: the previous version's. */
  readonly owner?: string
  /** Default: the previous version's. */
  readonly compatibility?: Compatibility
  /** Default: the previous version's. */
  readonly maxMessageBytes?: number
}

/**
 * Declares the next version of a channel: a channel of its own, live beside the previous one for as long as that one is
 * declared. Producers and consumers move to it in any order; once no app publishes or handles the previous version, it
 * goes, and this one is declared with `defineChannel`.
 *
 * @throws ContractError naming the channel, as `defineChannel`, and for a version that is not above the previous one's.
 */
export function defineVersion<Previous extends Channel, const Version extends number, Schema extends z.ZodType>(
  previous: Previous,
  options: VersionOptions<Previous, Version, Schema>,
): Channel<VersionName<Previous['name'], Version>, Schema> {
  const { upcast, ...own } = options
  const name = `${previous.name.replace(/-v\d+$/, '')}-v${own.version}` as VersionName<Previous['name'], Version>
  if (!(own.version > previous.version)) {
    throw new ContractError(
      `channel ${JSON.stringify(name)}: version ${own.version} is not above version ${previous.version} of ${JSON.stringify(previous.name)}`,
    )
  }
  const { description, owner, compatibility, maxMessageBytes } = previous
  const channel = defineChannel({
    description,
    ...(owner === undefined ? {} : { owner }),
    compatibility,
    maxMessageBytes,
    ...own,
    name,
  })
  return Object.freeze({ ...channel, previous: { channel: previous, upcast: upcast as (message: never) => unknown } })
}

/** The channel and the versions before it that are live beside it, the newest first. */
export function versionsOf(latest: Channel): readonly Channel[] {
  return latest.previous ? [latest, ...versionsOf(latest.previous.channel)] : [latest]
}
