import type { App, Contracts } from '@alarm-bus/contracts'
import type { Connection } from '../connection/connection.ts'
import { createSubscriber, type Subscriber } from '../consumers/subscriber.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { HealthCheck } from '../health.ts'
import type { Responder } from './responder.ts'
import { ResponderRunner } from './responder-runner.ts'
import { storedHandler } from './stored-responder.ts'
import { StallClock } from './stall-clock.ts'

/** All responders of an app. */
export interface Responders {
  /** Subscribes; the connection is open. */
  start(): void
  /** `responder:<request>`: not well while the broker refuses the subscription. Of stored requests, those of their consumers. */
  checks(): readonly HealthCheck[]
  /** Takes no more requests, and lets those that run end. @returns how many had not. */
  stop(timeoutMs: number): Promise<number>
}

/** @throws KitError `invalid_options` for a request that is not part of the contracts, and for two responders of one. */
export function createResponders(
  connection: Connection,
  options: {
    readonly contracts: Contracts
    readonly app?: App
    readonly responders: readonly Responder[]
    /** Of stored requests: how long the broker waits for an ack, as the app's other consumers have it. */
    readonly ackWaitMs?: number
  },
): Responders {
  const { contracts, responders } = options
  for (const [index, { request, once }] of responders.entries()) {
    const refuse = (why: string): never => {
      throw new KitError(KitErrorCode.InvalidOptions, `request ${JSON.stringify(request.name)} ${why}`)
    }
    if (!contracts.requests.includes(request)) refuse('is not part of the contracts; add it to their requests')
    if (once && !request.stored) refuse('is not a stored one, so nothing can be once only')
    if (responders.findIndex((one) => one.request === request) !== index) refuse('has two responders')
  }
  const clock = new StallClock(connection)
  const runners = responders
    .filter(({ request }) => !request.stored)
    .map((responder) => new ResponderRunner(connection, responder, clock))
  const stored = createStored(connection, options)
  return {
    start() {
      for (const runner of runners) runner.start()
      stored?.start()
    },
    checks: () => [...runners.map((runner) => runner.check()), ...(stored?.checks() ?? [])],
    async stop(timeoutMs) {
      const [abandoned, ...left] = await Promise.all([
        stored?.stop(timeoutMs),
        ...runners.map((runner) => runner.stop(timeoutMs)),
      ])
      clock.close()
      return left.reduce((sum, count) => sum + count, abandoned?.length ?? 0)
    },
  }
}

/** Stored requests come through consumers, with the kit's defaults, however the app consumes its channels. */
function createStored(connection: Connection, options: Parameters<typeof createResponders>[1]): Subscriber | undefined {
  const ackWaitMs = options.ackWaitMs ?? options.app?.consuming.ackWaitMs
  const stored = options.responders.filter(({ request }) => request.stored)
  if (stored.length === 0) return undefined
  for (const { request, concurrency, maxWaiting } of stored) {
    if (concurrency === undefined && maxWaiting === undefined) continue
    throw new KitError(
      KitErrorCode.InvalidOptions,
      `request ${JSON.stringify(request.name)} is a stored one, which takes neither concurrency nor maxWaiting`,
    )
  }
  return createSubscriber(connection, {
    contracts: options.contracts,
    app: connection.name,
    ...(ackWaitMs !== undefined && { ackWaitMs }),
    handlers: stored.map((responder) => storedHandler(responder, options.contracts)),
  })
}
