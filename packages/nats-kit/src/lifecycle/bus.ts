import type { App, Channel, Contracts } from '@alarm-bus/contracts'
import { connect } from '../connection/connect.ts'
import type { Connection } from '../connection/connection.ts'
import type { ConnectionOptions } from '../connection/options.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { KitEvents } from '../events.ts'
import { type Logger, safeLogger } from '../logger.ts'
import { createCorePublisher } from '../publish/core-publisher.ts'
import { withIdempotency } from '../publish/idempotency.ts'
import { withIdempotentBatches } from '../publish/idempotent-batches.ts'
import { createJetStreamPublisher } from '../publish/jetstream-publisher.ts'
import type { MessagePublisher, SentReceipt, StoredPublisher } from '../publish/publisher.ts'
import type { StoredSenderOptions } from '../publish/stored-ack.ts'
import type { StreamMode } from '../streams/ensure-streams.ts'
import { resolveSubscriberOptions, type SubscriberOptions } from '../consumers/options.ts'
import { Pauses, type Resume } from '../consumers/pauses.ts'
import type { AbandonedMessage } from '../handling/message-processor.ts'
import { createSubscriber, type Subscriber } from '../consumers/subscriber.ts'
import { checkedLagMs, EventLoopWatch } from '../watchdog/event-loop-watch.ts'
import { usedStreams } from '../streams/used-streams.ts'
import { onDeclaredChannels, refuseUndeclared, storedOnDeclaredChannels, withDeclaredSettings } from './declared-app.ts'
import { type Health, type HealthCheck, healthOf } from '../health.ts'
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
    /** Hold each id of a caller's to one message. Default false. */
    readonly idempotency?: boolean
  }
  /** How long the event loop may be blocked before the watchdog says so, in milliseconds. Default 1,000. */
  readonly eventLoopLagMs?: number
  /** Given: the app subscribes. */
  readonly subscriber?: Omit<SubscriberOptions, 'contracts' | 'app'>
}

/** What shutdown did. `clean` when nothing was left behind and everything written had reached the broker. */
export interface ShutdownReport {
  readonly clean: boolean
  readonly abandoned: readonly AbandonedMessage[]
}

/** An app's whole part of the bus: connection, streams, publisher, subscriber, in the right order. */
export interface Bus {
  readonly events: KitEvents
  /** Stores. Rejects with `broker_unavailable` until the first connection, or `invalid_options` in an app that has no publisher. */
  readonly publisher: StoredPublisher
  /** At most once, nothing stored. Rejects as `publisher` does. */
  readonly corePublisher: MessagePublisher<SentReceipt>
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
   * connection closes. What could not be finished is logged and in the report.
   */
  stop(timeoutMs: number): Promise<ShutdownReport>
}

interface Parts {
  readonly connection: Connection
  readonly keeper: StreamKeeper
  readonly publisher: StoredPublisher | undefined
  readonly corePublisher: MessagePublisher<SentReceipt> | undefined
  readonly subscriber: Subscriber | undefined
  readonly eventLoop: EventLoopWatch
}

/**
 * Starts an app's part of the bus and returns at once; the broker may be away. `health()` says when it is ready.
 *
 * @throws KitError `invalid_options` for subscriber options that cannot work, or what the app does not declare.
 */
export function startBus(options: BusOptions): Bus {
  const { contracts } = options
  const logger = safeLogger(options.logger)
  const events = new KitEvents()
  const { app } = options
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
  const pauses = subscriberOptions && new Pauses(subscriberOptions.handlers.map(({ channel }) => channel.name))
  const calledOff = new AbortController()
  let parts: Parts | undefined
  let fail: (error: KitError) => void
  const failed = new Promise<KitError>((resolve) => (fail = resolve))

  const build = (connection: Connection): Parts => {
    const keeper = new StreamKeeper(connection, contracts.streams, {
      mode: 'apply',
      ...options.streams,
      ...onlyUsed(options),
    })
    const made = options.publisher && createJetStreamPublisher(connection, { ...options.publisher, contracts })
    const claimed =
      made && options.publisher?.idempotency
        ? withIdempotentBatches(withIdempotency(made, connection, { ...options.publisher, contracts }), made)
        : made
    const publisher = app && claimed ? storedOnDeclaredChannels(app, claimed) : claimed
    const core = options.publisher && createCorePublisher(connection, { contracts })
    const corePublisher = app && core ? onDeclaredChannels(app, core) : core
    const subscriber = subscriberOptions && createSubscriber(connection, subscriberOptions, pauses)
    const eventLoop = new EventLoopWatch(connection, options.eventLoopLagMs)
    keeper.start()
    subscriber?.start()
    return { connection, keeper, publisher, corePublisher, subscriber, eventLoop }
  }

  const starting = connect(options.connection, { logger, events, signal: calledOff.signal })
    .then(
      (connection) => {
        parts = build(connection)
        void connection.closed.then((error) => error && fail(error))
      },
      (error: unknown) => {
        if (!calledOff.signal.aborted) fail(KitError.from(error))
      },
    )
    .catch((error: unknown) => fail(KitError.from(error)))

  const ready = <P>(pick: (parts: Parts) => P | undefined): P | KitError => {
    if (!parts) return new KitError(KitErrorCode.BrokerUnavailable, 'not connected to the broker yet; nothing was sent')
    return pick(parts) ?? new KitError(KitErrorCode.InvalidOptions, 'this bus was started without a publisher')
  }
  const late = <Receipt extends SentReceipt>(
    pick: (parts: Parts) => MessagePublisher<Receipt> | undefined,
  ): MessagePublisher<Receipt> => ({
    publish(channel, message, publishOptions) {
      const publisher = ready(pick)
      if (publisher instanceof KitError) return Promise.reject(publisher)
      return publisher.publish(channel, message, publishOptions)
    },
    close: async () => (parts && pick(parts))?.close(),
  })
  const stored = (): StoredPublisher => {
    const publisher = ready((ready) => ready.publisher)
    if (publisher instanceof KitError) throw publisher
    return publisher
  }

  return {
    events,
    publisher: {
      ...late((ready) => ready.publisher),
      publishMany: async (channel, messages, many) => stored().publishMany(channel, messages, many),
      publishStream: async (channel, messages, stream) => stored().publishStream(channel, messages, stream),
    },
    corePublisher: late((ready) => ready.corePublisher),
    failed,
    health: () => healthOf(checksOf(parts)),
    pause(reason, channel) {
      if (pauses) return pauses.pause(reason, channel)
      throw new KitError(KitErrorCode.InvalidOptions, 'this bus was started without a subscriber, so nothing can pause')
    },
    async stop(timeoutMs) {
      const endsAt = performance.now() + timeoutMs
      calledOff.abort()
      // A dial that nobody answers ends by itself, later than this; nothing was begun that could be lost.
      await within(starting, timeoutMs)
      return parts ? shutDown(parts, Math.max(0, endsAt - performance.now()), logger) : { clean: true, abandoned: [] }
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

function checksOf(parts: Parts | undefined): readonly HealthCheck[] {
  if (!parts) return [{ name: 'connection', ok: false, detail: 'connecting' }]
  const { connection, keeper, subscriber, eventLoop } = parts
  return [
    { name: 'connection', ok: connection.state === 'connected', detail: connection.state },
    keeper.check(),
    ...(subscriber?.checks() ?? []),
    ...eventLoop.checks(),
  ]
}

/** A little of the budget is kept for the last flush, whatever the handlers do. */
const FLUSH_SHARE = 0.2

async function shutDown(parts: Parts, timeoutMs: number, logger: Logger): Promise<ShutdownReport> {
  const endsAt = performance.now() + timeoutMs
  const left = (): number => Math.max(0, endsAt - performance.now())
  parts.eventLoop.stop()
  await within(parts.keeper.stop(), left() * FLUSH_SHARE)
  const abandoned = (await parts.subscriber?.stop(left() * (1 - FLUSH_SHARE))) ?? []
  const published = await within(
    Promise.all([parts.publisher?.close(), parts.corePublisher?.close()]),
    left() * (1 - FLUSH_SHARE),
  )
  if (!published)
    logger.error({ event: 'publishesAbandoned' }, 'shutdown ran out of time with publishes that have no ack')
  const flushed = await parts.connection.close(left())
  if (!flushed)
    logger.error(
      { event: 'notFlushed' },
      'shutdown could not flush the connection; the last acks may not have reached the broker',
    )
  const clean = abandoned.length === 0 && published && flushed
  logger[clean ? 'info' : 'error']({ event: 'busStopped', clean, abandoned: abandoned.length }, 'bus stopped')
  return { clean, abandoned }
}

async function within(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), timeoutMs)))
  try {
    return await Promise.race([promise.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
