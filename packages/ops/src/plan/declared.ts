import type { App, Contracts } from '@alarm-bus/contracts'
import {
  type DeclaredConsumer,
  declaredConsumers,
  type DeclaredStreamConfig,
  onceBucketName,
  withCompanions,
} from '@alarm-bus/nats-kit'

/** What the code says there is. */
export interface Declared {
  readonly streams: readonly DeclaredStreamConfig[]
  /** Not given: nobody asked for them. */
  readonly consumers?: readonly DeclaredConsumer[]
  /** Streams that an app may have set up for itself: neither missing nor foreign. */
  readonly optionalStreams: readonly string[]
}

/** The streams with their companions, and the consumers of the apps where they are given. */
export function declare(
  contracts: Contracts,
  apps: readonly App[] | undefined,
  replicas: number | undefined,
): Declared {
  return {
    streams: contracts.streams.flatMap((stream) => withCompanions(stream, replicas)),
    optionalStreams: contracts.streams.map(({ name }) => `KV_${onceBucketName(name)}`),
    ...(apps && { consumers: apps.flatMap((app) => declaredConsumers(app, contracts)) }),
  }
}
