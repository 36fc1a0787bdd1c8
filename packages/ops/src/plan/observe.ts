import { type CopiesWithoutReader, listConsumers, listStreams } from '@alarm-bus/nats-kit/admin'
import type { ConsumerInfo, StreamInfo } from '@nats-io/jetstream'

/** What is on the broker. */
export interface Observed {
  /** All of the account, by name. */
  readonly streams: ReadonlyMap<string, StreamInfo>
  /** Durable ones alone: the others come and go with their maker. */
  readonly consumers: readonly ConsumerInfo[]
  /** By the declared stream; not looked for where consumers are left out. */
  readonly copies?: ReadonlyMap<string, readonly CopiesWithoutReader[]>
}

/**
 * Looks at every stream of the account, and at the durable consumers of those in `consumersOf`.
 *
 * @throws KitError `permission_denied`; `broker_unavailable`, also where only a part can be seen.
 */
export async function observe(
  client: Parameters<typeof listStreams>[0],
  consumersOf: readonly string[],
): Promise<Observed> {
  const streams = await listStreams(client)
  const there = new Set(streams.map(({ config }) => config.name))
  const consumers: ConsumerInfo[] = []
  for (const stream of consumersOf) {
    if (!there.has(stream)) continue
    const found = await listConsumers(client, stream)
    consumers.push(...found.filter(({ config }) => config.durable_name !== undefined))
  }
  return { streams: new Map(streams.map((info) => [info.config.name, info])), consumers }
}
