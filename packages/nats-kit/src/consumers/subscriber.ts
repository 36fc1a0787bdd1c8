import type { Channel } from '@alarm-bus/contracts'
import { boundedMs } from '../checked-options.ts'
import type { Connection } from '../connection/connection.ts'
import { redriveConsumerOf, redriveSettings } from '../redrive/redrive-consumer.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { HealthCheck } from '../health.ts'
import { StoredSender } from '../publish/stored-sender.ts'
import { ConsumerRunner } from './consumer-runner.ts'
import { specOf } from './consumer-spec.ts'
import { resolveSubscriberOptions, type SubscriberOptions } from './options.ts'
import { Pauses, type Resume } from './pauses.ts'
import type { AbandonedMessage } from '../handling/message-processor.ts'

/**
 * Runs an app's handlers, one consumer each.
 *
 * - At least once: a message is delivered until its handler succeeded, or until it is stored as a dead letter.
 * - Bounded: never more than `concurrency` messages of a handler are asked for, buffered or running.
 * - Never silent: a consumer that is deleted is made again, a broker or stream that is away is waited for; meanwhile
 *   `checks()` is not well and says why.
 */
export interface Subscriber {
  /** Begins; returns at once, and does nothing the second time. Whether the consumers run is in `checks()`. */
  start(): void
  checks(): readonly HealthCheck[]
  /**
   * Stops asking for messages, for instance while what the handler needs is away: they wait on the broker, and none of
   * their deliveries is used up. Handlers that run go on, and `maxHandlerMs` stands still for them. What was on its way
   * already is held and kept alive, within `concurrency`, and handled when the pause ends. With `push` the consumer is
   * left without a listener; in a queue group the other instances get what comes. Redriven messages wait too.
   *
   * Each call is a pause of its own: the consumer runs again when all are ended. While one is held, `checks()` is not
   * well and names the reasons. At a stop what is held is given back, and redelivered at the next start.
   *
   * @param reason for people; in the log, in the event `consumerStateChanged` and in `checks()`.
   * @param channel the one to pause; without it, all that the app handles.
   * @returns a function that ends this pause.
   * @throws KitError `invalid_options` for a channel that has no handler here.
   */
  pause(reason: string, channel?: Channel): Resume
  /**
   * Takes no new work, lets handlers finish, flushes their acks. Past `timeoutMs` it aborts the handlers' signals and
   * resolves to what it left behind, which the broker delivers again. NaN and a negative time count as 0.
   */
  stop(timeoutMs: number): Promise<readonly AbandonedMessage[]>
}

/**
 * @param pauses of who may pause before there is a connection; a subscriber has its own otherwise.
 * @throws KitError `invalid_options`.
 */
export function createSubscriber(
  connection: Connection,
  options: SubscriberOptions,
  pauses: Pauses = new Pauses(options.handlers.map(({ channel }) => channel.name)),
): Subscriber {
  const settings = resolveSubscriberOptions(options)
  const keyed = settings.handlers.find(({ channel }) => channel.key !== undefined)
  if (keyed && settings.mode === 'push') {
    throw new KitError(
      KitErrorCode.InvalidOptions,
      `channel ${JSON.stringify(keyed.channel.name)} has a key, whose order needs mode "pull": with "push" held messages would stop all others`,
    )
  }
  const deadLetters = new StoredSender(connection, {
    maxInFlight: (settings.concurrency + 1) * settings.handlers.length,
    // Short, since it is tried again for as long as it takes: what is wrong is said sooner.
    budgetMs: 5_000,
    // The letter then goes to its consumer's share.
    fullIsFinal: true,
  })
  const used = [...new Set(settings.handlers.flatMap(({ uses = [] }) => uses))]
  for (const user of used) user.open(connection)
  const specs = settings.handlers.map((handler) => specOf(settings, handler))
  const runners = [
    ...specs.map((spec) => new ConsumerRunner(connection, settings, spec, deadLetters, pauses)),
    // An ephemeral consumer sees what is published while it runs: nothing is redriven to it.
    ...(settings.lifetime === 'ephemeral' ? [] : specs).map(
      (spec) => new ConsumerRunner(connection, redriveSettings(settings), redriveConsumerOf(spec), deadLetters, pauses),
    ),
  ]
  let started = false
  return {
    start() {
      if (started) return
      started = true
      for (const runner of runners) runner.start()
    },
    checks: () => runners.flatMap((runner) => runner.checks()),
    pause: (reason, channel) => pauses.pause(reason, channel),
    async stop(timeoutMs) {
      const boundMs = boundedMs(timeoutMs)
      const abandoned = (await Promise.all(runners.map((runner) => runner.stop(boundMs)))).flat()
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
