import type { Channel } from '@alarm-bus/contracts'

/** Who calls, once proven. */
export interface Client {
  /** For logs and limits; no two ways to prove who one is share a name: `key:billing`, `jwt:service-7`. */
  readonly name: string
  /** Channels that it may publish on, by name; `*` for every one there is. */
  readonly channels: ReadonlySet<string> | '*'
  /** Messages a minute; undefined for the default. */
  readonly ratePerMinute?: number | undefined
}

export function mayPublish(client: Client, channel: Channel): boolean {
  return client.channels === '*' || client.channels.has(channel.name)
}
