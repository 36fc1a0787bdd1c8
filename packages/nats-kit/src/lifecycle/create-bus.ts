import { setTimeout as sleep } from 'node:timers/promises'
import type { Channel } from '@alarm-bus/contracts'
import { boundedMs, checkedTimeoutMs } from '../checked-options.ts'
import { prepareConnection } from '../connection/connect.ts'
import { consumerName } from '../consumers/consumer-name.ts'
import { resolveSubscriberOptions, type SubscriberSettings } from '../consumers/options.ts'
import { Pauses } from '../consumers/pauses.ts'
import { createSubscriber } from '../consumers/subscriber.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { KitEvents } from '../events.ts'
import { type Health, type HealthCheck, healthOf } from '../health.ts'
import { safeLogger } from '../logger.ts'
import { createCorePublisher } from '../publish/core-publisher.ts'
import { createJetStreamPublisher } from '../publish/jetstream-publisher.ts'
import type { StoredPublisher } from '../publish/publisher.ts'
import { createListeners } from '../core/listeners.ts'
import { readChannel } from '../reading/read-channel.ts'
import { createRequester, type Requester } from '../requests/requester.ts'
import { createResponders } from '../requests/responders.ts'
import type { EnsureStreamsOptions } from '../streams/ensure-streams.ts'
import { probedStreams, usedStreams } from '../streams/used-streams.ts'
import { checkedLagMs, EventLoopWatch } from '../watchdog/event-loop-watch.ts'
import type { Bus, BusOptions } from './bus.ts'
import { refuseUndeclared, withDeclaredSettings } from './declared-app.ts'
import { shutDown, type ShutdownReport } from './shut-down.ts'
import { StreamKeeper } from './stream-keeper.ts'

/** How often a wait for readiness looks, in milliseconds; looking costs no request to the broker. */
const LOOK_MS = 50
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
    const does = {
      publishes: publisher !== undefined,
      idempotency: publisher?.idempotency === true,
      handlers,
      asks: options.requester !== undefined,
      answers: (options.responders ?? []).map(({ request }) => request),
      hears: (options.listeners ?? []).map(({ channel }) => channel),
    }
    refuseUndeclared(app, options.connection.name, does)
  }
  const subscriberOptions = options.subscriber && {
    ...app?.consuming,
    ...defined(options.subscriber),
    contracts,
    app: options.connection.name,
    handlers: app ? withDeclaredSettings(app, options.subscriber.handlers) : options.subscriber.handlers,
  }
  const settings = subscriberOptions && resolveSubscriberOptions(subscriberOptions)
  if (options.eventLoopLagMs !== undefined) checkedLagMs(options.eventLoopLagMs)

  const { connection, open } = prepareConnection(options.connection, { logger, events })
  const published = { contracts, ...(app && { app }) }
  const keeper = new StreamKeeper(connection, contracts.streams, {
    mode: 'apply',
    ...options.streams,
    ...onlyUsed(options, settings),
    watched: app?.watchesBus === true,
  })
  const publisher = options.publisher && createJetStreamPublisher(connection, { ...options.publisher, ...published })
  const corePublisher = options.publisher && createCorePublisher(connection, published)
  const requester = options.requester && createRequester(connection, { ...options.requester, ...published })
  const responders = options.responders && createResponders(connection, { contracts, responders: options.responders })
  const listeners = options.listeners && createListeners(connection, { contracts, listeners: options.listeners })
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
      publisher?.startSchedules()
      subscriber?.start()
      responders?.start()
      listeners?.start()
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
      ...(requester?.checks() ?? []),
      ...(responders?.checks() ?? []),
      ...(listeners?.checks() ?? []),
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
    requester: requester ?? withoutRequester(),
    read: (channel, readOptions) => readChannel(connection, channel, { ...readOptions, ...published }),
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
        { connection, keeper, publisher, corePublisher, subscriber, requester, responders, listeners, eventLoop },
        boundedMs(timeoutMs),
        logger,
      )
      return stopping
    },
  }
}

/** An option that is undefined is one that is not given. */
function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}

/** What an app does not use is others' to look after, and its user may not look at it. */
function onlyUsed(
  options: BusOptions,
  settings: SubscriberSettings | undefined,
): Pick<EnsureStreamsOptions, 'only' | 'probes'> {
  const { contracts, app, publisher, subscriber, requester, responders, listeners } = options
  const reads = app?.reads ?? []
  if (!publisher && !subscriber && !requester && !responders && !listeners && reads.length === 0) return {}
  const use = {
    publishes: publisher ? (app?.publishes ?? contracts.channels) : [],
    idempotency: publisher?.idempotency === true,
    schedules: publisher ? (app?.schedules ?? contracts.streams.flatMap(({ scheduled }) => scheduled)) : [],
    handles: (subscriber?.handlers ?? []).map(({ channel }) => channel),
    reads,
    onceOnly: app?.onceOnly === true,
    consumerOf: (channel: Channel) => (settings ? consumerName(settings, channel) : ''),
  }
  const probes = probedStreams(contracts, use)
  return { only: [...usedStreams(contracts, use), ...Object.keys(probes)], probes }
}

/** Of a bus that only subscribes. */
function withoutPublisher(): StoredPublisher {
  const refuse = (): Promise<never> =>
    Promise.reject(new KitError(KitErrorCode.InvalidOptions, 'this bus was made without a publisher; nothing was sent'))
  return {
    publish: refuse,
    publishMany: refuse,
    publishStream: refuse,
    schedule: refuse,
    replace: refuse,
    cancel: refuse,
    // eslint-disable-next-line require-yield
    async *schedules() {
      await refuse()
    },
    close: () => Promise.resolve(),
  }
}

function withoutRequester(): Pick<Requester, 'request'> {
  const why = 'this bus was made without a requester; nothing was sent'
  return { request: () => Promise.reject(new KitError(KitErrorCode.InvalidOptions, why)) }
}

function stopped(): KitError {
  return new KitError(KitErrorCode.Closed, 'the bus was stopped')
}
