import type { Contracts } from '@alarm-bus/contracts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { HealthCheck } from '../health.ts'
import type { Listener } from './listener.ts'
import { ListenerRunner } from './listener-runner.ts'

/** All listeners of an app. */
export interface Listeners {
  /** Subscribes; the connection is open. */
  start(): void
  /** `listener:<channel>`: not well while the broker refuses the subscription. */
  checks(): readonly HealthCheck[]
  /** Takes nothing new, and lets what came be handled. @returns how many messages were not. */
  stop(timeoutMs: number): Promise<number>
}

/** @throws KitError `invalid_options` for a channel that is not part of the contracts, and for two listeners of one. */
export function createListeners(
  connection: Connection,
  { contracts, listeners }: { readonly contracts: Contracts; readonly listeners: readonly Listener[] },
): Listeners {
  for (const [index, { channel }] of listeners.entries()) {
    const refuse = (why: string): never => {
      throw new KitError(KitErrorCode.InvalidOptions, `channel ${JSON.stringify(channel.name)} ${why}`)
    }
    if (!contracts.channels.includes(channel)) refuse('is not part of the contracts')
    if (listeners.findIndex((one) => one.channel === channel) !== index) refuse('has two listeners; put both into one')
  }
  const runners = listeners.map((listener) => new ListenerRunner(connection, listener))
  return {
    start: () => runners.forEach((runner) => runner.start()),
    checks: () => runners.map((runner) => runner.check()),
    async stop(timeoutMs) {
      const left = await Promise.all(runners.map((runner) => runner.stop(timeoutMs)))
      return left.reduce((sum, count) => sum + count, 0)
    },
  }
}
