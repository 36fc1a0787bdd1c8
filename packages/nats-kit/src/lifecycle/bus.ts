import { setTimeout as sleep } from 'node:timers/promises'
import type { App, Channel, Contracts } from '@alarm-bus/contracts'
import { boundedMs, checkedTimeoutMs } from '../checked-options.ts'
import { prepareConnection } from '../connection/connect.ts'
import type { ConnectionOptions } from '../connection/options.ts'
import { resolveSubscriberOptions, type SubscriberOptions } from '../consumers/options.ts'
import { Pauses, type Resume } from '../consumers/pauses.ts'
import { createSubscriber } from '../consumers/subscriber.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { KitEvents } from '../events.ts'
import { type Health, type HealthCheck, healthOf } from '../health.ts'
import { type Logger, safeLogger } from '../logger.ts'
import { createCorePublisher } from '../publish/core-publisher.ts'
import { createJetStreamPublisher } from '../publish/jetstream-publisher.ts'
import type { MessagePublisher, SentReceipt, StoredPublisher } from '../publish/publisher.ts'
import type { StoredSenderOptions } from '../publish/stored-ack.ts'
import type { StreamMode } from '../streams/ensure-streams.ts'
import { usedStreams } from '../streams/used-streams.ts'
import { checkedLagMs, EventLoopWatch } from '../watchdog/event-loop-watch.ts'
import { refuseUndeclared, withDeclaredSettings } from './declared-app.ts'
import { shutDown, type ShutdownReport } from './shut-down.ts'
import { StreamKeeper } from './stream-keeper.ts'

export interface BusOptions {
  readonly contracts: Contracts
  /**
   * What the app says of itself. Given, it is held to it: a handler or a publish on a channel that it does not declare
   * is refused, and retries that it declares for a channel apply.
   */
  readonly app?: App
  /** `name` is the app's; consumers and the inbox prefix are called after it. */
  readonly connection: ConnectionOptions
  readonly logger: Logger
  /** What to do with the declared streams. Default: `apply` them. */
  readonly streams?: { readonly mode?: StreamMode; readonly replicas?: number; readonly hint?: string }
  /** Given: the app publishes. */
  readonly publisher?: StoredSenderOptions & {
    /** Hold each id of a caller's to one message; see `JetStreamPublisherOptions`. Default false. */
    readonly idempotency?: boolean
  }
  /** How long the event loop may be blocked before the watchdog says so, in milliseconds. Default 1,000. */
  readonly eventLoopLagMs?: number
  /** Given: the app subscribes. */
  readonly subscriber?: Omit<SubscriberOptions, 'contracts' | 'app'>
}

export interface ReadyOptions {
  /** How long to wait, in milliseconds above 0. Default 30,000. */
  readonly timeoutMs?: number
  /** Ends the wait. */
  readonly signal?: AbortSignal
}

/** An app's whole part of the bus: connection, streams, publisher, subscriber, in the right order. */
export interface Bus {
  readonly events: KitEvents
  /**
   * Stores. A message before the first connection waits for it within its budget, as it does after a loss. Rejects with
   * `invalid_options` in a bus without a publisher.
   */
  readonly publisher: StoredPublisher
  /** At most once, nothing stored. Rejects with `broker_unavailable` while there is no connection. */
  readonly corePublisher: MessagePublisher<SentReceipt>
  /**
   * Connects and begins to consume; the broker may be away, it is tried for ever. May be called without `await`: the
   * promise resolves when the bus is ready for the first time, and a second call returns the same one.
   *
   * Rejects with the KitError of `failed`, or `closed` when the bus is stopped first. A rejection that is not awaited is
   * not reported as unhandled.
   */
  start(): Promise<void>
  /**
   * Resolves when `health()` is ready.
   *
   * Rejects with KitError `not_ready` after `timeoutMs` and `aborted` by the signal, both naming the checks that are not
   * well; with that of `failed`; `closed` after a stop; `invalid_options` for a `timeoutMs` that cannot be.
   */
  ready(options?: ReadyOptions): Promise<void>
  /** The checks of the connection, streams, publisher, consumers and event loop; before `start`, not ready. */
  health(): Health
  /**
   * Stops asking for messages of a channel, or of all, until the returned function is called; see `Subscriber.pause`.
   *
   * @throws KitError `invalid_options` for a channel without a handler, and in an app that does not subscribe.
   */
  pause(reason: string, channel?: Channel): Resume
  /** Resolves with the reason when the bus cannot go on: refused credentials, or a connection that is closed for good. */
  readonly failed: Promise<KitError>
  /**
   * In order and within `timeoutMs`: no new work, handlers finish, publishes get their acks, acks are flushed, the
   * connection closes. What could not be finished is logged and in the report. The connection is closed in every case;
   * NaN and a negative `timeoutMs` count as 0. A second call returns the same promise.
   */
  stop(timeoutMs: number): Promise<ShutdownReport>
}

/** How often a wait for readiness looks, in milliseconds; looking costs no request to the broker. */
const LOOK_MS = 25
const READY_TIMEOUT_MS = 30_000

/**
 * An app's part of the bus; nothing is opened before `start()`.
 *
 * @throws KitError `invalid_options` for options that cannot work, and for what the app does not declare.
 */
export function createBus(options: BusOptions): Bus {
  const { contracts, app } = options
  const events = new KitEvents()
  const logger = safeLogger(options.logger)
  if (app) {
    const handlers = options.subscriber?.handlers ?? []
    const { publisher } = options
    const does = { publishes: publisher !== undefined, idempotency: publisher?.idempotency === true, handlers }
    refuseUndeclared(app, options.connection.name, does)
  }
  const subscriberOptions = options.subscriber && {
    ...options.subscriber,
    contracts,
    app: options.connection.name,
    handlers: app ? withDeclaredSettings(app, options.subscriber.handlers) : options.subscriber.handlers,
  }
  if (subscriberOptions) resolveSubscriberOptions(subscriberOptions)
  if (options.eventLoopLagMs !== undefined) checkedLagMs(options.eventLoopLagMs)

  const { connection, open } = prepareConnection(options.connection, { logger, events })
  const published = { contracts, ...(app && { app }) }
  const keeper = new StreamKeeper(connection, contracts.streams, {
    mode: 'apply',
    ...options.streams,
    ...onlyUsed(options),
  })
  const publisher = options.publisher && createJetStreamPublisher(connection, { ...options.publisher, ...published })
  const corePublisher = options.publisher && createCorePublisher(connection, published)
  const pauses = subscriberOptions && new Pauses(subscriberOptions.handlers.map(({ channel }) => channel.name))
  const subscriber = subscriberOptions && createSubscriber(connection, subscriberOptions, pauses)

  let eventLoop: EventLoopWatch | undefined
  let starting: Promise<void> | undefined
  let stopping: Promise<ShutdownReport> | undefined
  let isOpen = false
  let failure: KitError | undefined
  let fail: (error: KitError) => void
  const failed = new Promise<KitError>((resolve) => {
    fail = (error) => {
      failure ??= error
      resolve(error)
    }
  })

  const run = async (): Promise<void> => {
    eventLoop = new EventLoopWatch(connection, options.eventLoopLagMs)
    void connection.closed.then((error) => error && fail(error))
    try {
      await open()
      if (stopping) return
      isOpen = true
      keeper.start()
      subscriber?.start()
    } catch (error) {
      if (!stopping) fail(KitError.from(error))
    }
  }

  const checks = (): readonly HealthCheck[] => {
    if (!isOpen) {
      const detail = starting || connection.state === 'closed' ? connection.state : 'not started'
      return [{ name: 'connection', ok: false, detail }]
    }
    return [
      { name: 'connection', ok: connection.state === 'connected', detail: connection.state },
      keeper.check(),
      ...(publisher?.checks() ?? []),
      ...(subscriber?.checks() ?? []),
      ...(eventLoop?.checks() ?? []),
    ]
  }
  const health = (): Health => healthOf(checks())
  const unwell = (): string =>
    checks()
      .filter(({ ok }) => !ok)
      .map(({ name, detail }) => `${name}: ${detail}`)
      .join('; ')

  const untilReady = async (timeoutMs: number, signal?: AbortSignal): Promise<void> => {
    const endsAt = performance.now() + timeoutMs
    while (!health().ready) {
      if (failure) throw failure
      if (stopping) throw stopped()
      if (signal?.aborted) {
        throw new KitError(KitErrorCode.Aborted, `no longer waited for; not well: ${unwell()}`, {
          cause: signal.reason,
        })
      }
      if (performance.now() >= endsAt) {
        throw new KitError(KitErrorCode.NotReady, `the bus is not ready within ${timeoutMs} ms: ${unwell()}`)
      }
      await sleep(LOOK_MS, undefined, signal && { signal }).catch(() => undefined)
    }
  }

  return {
    events,
    publisher: publisher ?? withoutPublisher(),
    corePublisher: corePublisher ?? withoutPublisher(),
    failed,
    health,
    start() {
      if (starting) return starting
      if (!stopping) void run()
      starting = untilReady(Infinity)
      starting.catch(() => undefined)
      return starting
    },
    async ready({ timeoutMs = READY_TIMEOUT_MS, signal } = {}) {
      await untilReady(checkedTimeoutMs(timeoutMs), signal)
    },
    pause(reason, channel) {
      if (pauses) return pauses.pause(reason, channel)
      throw new KitError(KitErrorCode.InvalidOptions, 'this bus was made without a subscriber, so nothing can pause')
    },
    stop(timeoutMs) {
      stopping ??= shutDown(
        { connection, keeper, publisher, corePublisher, subscriber, eventLoop },
        boundedMs(timeoutMs),
        logger,
      )
      return stopping
    },
  }
}

/** What an app does not use is others' to look after, and its user may not look at it. */
function onlyUsed({ contracts, app, publisher, subscriber }: BusOptions): { readonly only?: readonly string[] } {
  if (!publisher && !subscriber) return {}
  const only = usedStreams(contracts, {
    publishes: publisher ? (app?.publishes ?? contracts.channels) : [],
    idempotency: publisher?.idempotency === true,
    handles: (subscriber?.handlers ?? []).map(({ channel }) => channel),
    onceOnly: app?.onceOnly === true,
  })
  return { only }
}

/** Of a bus that only subscribes. */
function withoutPublisher(): StoredPublisher {
  const refuse = (): Promise<never> =>
    Promise.reject(new KitError(KitErrorCode.InvalidOptions, 'this bus was made without a publisher; nothing was sent'))
  return { publish: refuse, publishMany: refuse, publishStream: refuse, close: () => Promise.resolve() }
}

function stopped(): KitError {
  return new KitError(KitErrorCode.Closed, 'the bus was stopped')
}
