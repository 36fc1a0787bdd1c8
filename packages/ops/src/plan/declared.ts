import type { App, Contracts } from '@alarm-bus/contracts'
import {
  type DeclaredConsumer,
  declaredConsumers,
  type DeclaredStreamConfig,
  type WatchCursor,
  watchCursors,
  withCompanions,
} from '@alarm-bus/nats-kit/admin'

/** What the code says there is. */
export interface Declared {
  readonly contracts: Contracts
  readonly streams: readonly DeclaredStreamConfig[]
  /** Through which dead letters are watched. Default none. */
  readonly cursors?: readonly WatchCursor[]
  /** Not given: they were not asked for. */
  readonly consumers?: readonly DeclaredConsumer[]
}

/** The streams with their companions, and the consumers of the apps where they are given. */
export function declare(
  contracts: Contracts,
  apps: readonly App[] | undefined,
  replicas: number | undefined,
): Declared {
  return {
    contracts,
    streams: contracts.streams.flatMap((stream) => withCompanions(stream, replicas)),
    cursors: contracts.streams.flatMap(watchCursors),
    ...(apps && { consumers: apps.flatMap((app) => declaredConsumers(app, contracts)) }),
  }
}
