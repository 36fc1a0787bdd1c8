import type { Connection } from '../connection/connection.ts'
import { redriveReaderOf, redriveSettings } from '../dead-letters/redrive-reader.ts'
import type { HealthCheck } from '../lifecycle/health.ts'
import { StoredSender } from '../publish/stored-sender.ts'
import { collectorOf, collectorSettings } from './advisories.ts'
import { ConsumerRunner } from './consumer-runner.ts'
import { specOf } from './consumer-spec.ts'
import { resolveSubscriberOptions, type SubscriberOptions } from './options.ts'
import type { AbandonedMessage } from './process-message.ts'

/**
 * Runs an app's handlers, one consumer each.
 *
 * - At least once: a message is delivered until its handler succeeded, or until it is stored as a dead letter.
 * - Bounded: never more than `concurrency` messages of a handler are asked for, buffered or running.
 * - Never silent: a consumer that is deleted is made again, a broker or stream that is away is waited for; meanwhile
 *   `checks()` is not well and says why.
 */
export interface Subscriber {
  /** Begins; returns at once. Whether the consumers run is in `checks()`. */
  start(): void
  checks(): readonly HealthCheck[]
  /**
   * Takes no new work, lets handlers finish, flushes their acks. Past `timeoutMs` it aborts the handlers' signals and
   * resolves to what it left behind, which the broker delivers again.
   */
  stop(timeoutMs: number): Promise<readonly AbandonedMessage[]>
}

/** @throws KitError `invalid_options`. */
export function createSubscriber(connection: Connection, options: SubscriberOptions): Subscriber {
  const settings = resolveSubscriberOptions(options)
  const deadLetters = new StoredSender(connection, {
    maxInFlight: (settings.concurrency + 5) * settings.handlers.length,
    // Short, since it is tried again for as long as it takes: what is wrong is said sooner.
    budgetMs: 5_000,
  })
  const used = [...new Set(settings.handlers.flatMap(({ uses = [] }) => uses))]
  for (const user of used) user.open(connection)
  const specs = settings.handlers.map((handler) => specOf(settings, handler))
  const runners = [
    ...specs.map((spec) => new ConsumerRunner(connection, settings, spec, deadLetters)),
    // An ephemeral consumer sees what it sees: nobody waits for its dead letters.
    ...(settings.lifetime === 'ephemeral' ? [] : specs).flatMap((spec) => [
      new ConsumerRunner(
        connection,
        collectorSettings(settings),
        collectorOf(connection, deadLetters, spec),
        deadLetters,
      ),
      new ConsumerRunner(
        connection,
        redriveSettings(settings),
        redriveReaderOf(connection, deadLetters, spec),
        deadLetters,
      ),
    ]),
  ]
  return {
    start: () => runners.forEach((runner) => runner.start()),
    checks: () => runners.flatMap((runner) => runner.checks()),
    async stop(timeoutMs) {
      const abandoned = (await Promise.all(runners.map((runner) => runner.stop(timeoutMs)))).flat()
      // What a handler left behind still works with stays open, and ends with the connection.
      if (abandoned.length === 0)
        await Promise.all([deadLetters.close(), ...used.splice(0).map((user) => user.close())])
      for (const message of abandoned) {
        connection.logger.error(
          { event: 'messageAbandoned', ...message },
          'shutdown ran out of time; the broker delivers the message again',
        )
      }
      return abandoned
    },
  }
}
