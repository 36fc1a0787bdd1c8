import type { App, Contracts } from '@alarm-bus/contracts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { HealthCheck } from '../health.ts'
import type { Responder } from './responder.ts'
import { ResponderRunner } from './responder-runner.ts'
import { StallClock } from './stall-clock.ts'

/** All responders of an app. */
export interface Responders {
  /** Subscribes; the connection is open. */
  start(): void
  /** `responder:<request>`: not well while the broker refuses the subscription. */
  checks(): readonly HealthCheck[]
  /** Takes no more requests, and lets those that run end. @returns how many had not. */
  stop(timeoutMs: number): Promise<number>
}

/** @throws KitError `invalid_options` for a request that is not part of the contracts, and for two responders of one. */
export function createResponders(
  connection: Connection,
  options: { readonly contracts: Contracts; readonly app?: App; readonly responders: readonly Responder[] },
): Responders {
  const { contracts, responders } = options
  for (const [index, { request }] of responders.entries()) {
    const refuse = (why: string): never => {
      throw new KitError(KitErrorCode.InvalidOptions, `request ${JSON.stringify(request.name)} ${why}`)
    }
    if (!contracts.requests.includes(request)) refuse('is not part of the contracts; add it to their requests')
    if (responders.findIndex((one) => one.request === request) !== index) refuse('has two responders')
  }
  const clock = new StallClock(connection)
  const runners = responders.map((responder) => new ResponderRunner(connection, responder, clock))
  return {
    start: () => runners.forEach((runner) => runner.start()),
    checks: () => runners.map((runner) => runner.check()),
    async stop(timeoutMs) {
      const left = await Promise.all(runners.map((runner) => runner.stop(timeoutMs)))
      clock.close()
      return left.reduce((sum, count) => sum + count, 0)
    },
  }
}
