import type { Contracts } from '@alarm-bus/contracts'
import type { ConsumerInfo } from '@nats-io/jetstream'
import { isWatchConsumer } from '../bus-watch/watch-consumer.ts'
import type { Connection } from '../connection/connection.ts'
import { withCompanions } from '../streams/companion-streams.ts'
import { listConsumers } from '../streams/list-all.ts'
import { ownerOf } from '../owner-tag.ts'

/** With deliveries that are not settled it may be at work for longer: handlers may take their time. */
const BUSY_MS = 3_600_000

export const OrphanReason = {
  /** The kit made it for an unknown app. */
  UnknownApp: 'unknown_app',
  /** Without the kit's tag: something else made it, or a kit that is older than the tag. */
  Untagged: 'untagged',
  /** A known app's, and nothing happened to it for longer than asked for. */
  Idle: 'idle',
} as const
export type OrphanReason = (typeof OrphanReason)[keyof typeof OrphanReason]

/** A consumer without a visible owner. */
export interface Orphan {
  readonly stream: string
  readonly consumer: string
  readonly reason: OrphanReason
  /** By its tag. */
  readonly app: string | undefined
  /** A client asks it for messages, listens where it delivers, or did so a moment ago. It is never removed. */
  readonly inUse: boolean
  /** Since something was delivered or acknowledged, or since it was made, in milliseconds. */
  readonly idleMs: number
  /** Messages that it has not delivered, and that it has delivered and that are not settled. */
  readonly unread: number
  readonly unsettled: number
}

export interface FindOrphansOptions {
  /** Also those of known apps to which nothing happened for so long, in milliseconds. Not given: none. */
  readonly idleMs?: number
  /** One that something happened to so lately counts as in use: its app may just be restarted. Default 60,000 ms. */
  readonly graceMs?: number
}

/**
 * The consumers on the declared streams and their companions that belong to none of the known apps, or that no app uses
 * any more. Needs the right to list consumers, as an administrator has it.
 *
 * @throws KitError `permission_denied`, `broker_unavailable`.
 */
export async function findOrphans(
  connection: Connection,
  contracts: Contracts,
  knownApps: readonly string[],
  options: FindOrphansOptions = {},
): Promise<readonly Orphan[]> {
  const orphans: Orphan[] = []
  for (const { name } of contracts.streams.flatMap((stream) => withCompanions(stream))) {
    for (const info of await listConsumers(connection.client, name)) {
      // No app's: it belongs to the stream, as its companions do.
      if (isWatchConsumer({ stream: name, consumer: info.name })) continue
      const orphan = orphanOf(info, knownApps, options)
      if (orphan) orphans.push(orphan)
    }
  }
  return orphans
}

/** What a consumer is an orphan by, undefined when it is none. */
export function orphanOf(
  info: ConsumerInfo,
  knownApps: readonly string[],
  options: FindOrphansOptions,
): Orphan | undefined {
  const app = ownerOf(info.config.metadata)
  const idleMs = idleMsOf(info)
  const { idleMs: limitMs, graceMs = 60_000 } = options
  const quietMs = info.num_ack_pending > 0 ? BUSY_MS : graceMs
  const inUse = info.num_waiting > 0 || info.push_bound === true || idleMs < quietMs
  const reason =
    app === undefined
      ? OrphanReason.Untagged
      : !knownApps.includes(app)
        ? OrphanReason.UnknownApp
        : limitMs !== undefined && idleMs >= limitMs && !inUse
          ? OrphanReason.Idle
          : undefined
  if (reason === undefined) return undefined
  const { stream_name: stream, name: consumer, num_pending: unread, num_ack_pending: unsettled } = info
  return { stream, consumer, reason, app, inUse, idleMs, unread, unsettled }
}

/** By the server's own clock. */
function idleMsOf({ ts, created, delivered, ack_floor }: ConsumerInfo): number {
  const moments = [created, delivered.last_active, ack_floor.last_active] as readonly (string | undefined)[]
  const last = Math.max(...moments.flatMap((moment) => (moment === undefined ? [] : [Date.parse(moment)])))
  return Math.max(0, Date.parse(String(ts)) - last)
}
