import { randomUUID } from 'node:crypto'
import type { Channel, Contracts } from '@alarm-bus/contracts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { MessageHandler } from '../handling/handler.ts'
import { type StartAt, whyNoStart } from '../handling/start-at.ts'
import { resolveWatchdogOptions, type WatchdogOptions, type WatchdogSettings } from '../watchdog/options.ts'
import { DEFAULT_RETRY_POLICY, type RetryDelay, totalRetryMs } from '../handling/retry-policy.ts'

export interface SubscriberOptions {
  readonly contracts: Contracts
  /** The app's name in kebab case; consumers on the broker begin with it. */
  readonly app: string
  /** One handler a channel. */
  readonly handlers: readonly MessageHandler[]
  /** `pull` (default) asks for messages as there is room; `push` lets the broker send, up to the bound. */
  readonly mode?: 'pull' | 'push'
  /** `durable` (default) resumes where it stopped; `ephemeral` sees what is published while it runs. */
  readonly lifetime?: 'durable' | 'ephemeral'
  /** `queue-group` (default): instances share the work. `fan-out`: each instance sees everything. */
  readonly delivery?: 'queue-group' | 'fan-out'
  /** Stable across restarts of one instance, as a StatefulSet's ordinal is. Needed for durable fan-out. */
  readonly instanceId?: string
  /** Failures of a message, after which it becomes a dead letter. Default 3. */
  readonly maxDeliver?: number
  /**
   * Deliveries of a message without any verdict, since its process died, hung or was killed, after which it is run alone
   * and under a note; two such runs without a verdict make a dead letter of it. `maxDeliver` where that is more. Default 5.
   */
  readonly maxUnsettled?: number
  /** How long the broker waits for an ack before it delivers again, in milliseconds. Default 30,000. */
  readonly ackWaitMs?: number
  /**
   * Messages that are asked for, buffered or running at once, for each handler. Default 16. With `push` and
   * `queue-group` the instances share it, since the broker alone keeps count.
   */
  readonly concurrency?: number
  /** A handler still running after this is told to stop by its signal, in milliseconds. Default 300,000. */
  readonly maxHandlerMs?: number
  /**
   * So much later, in milliseconds, a handler that did not heed its signal loses its message, which counts as failed, and
   * its share of `concurrency`; its late end is logged and changes nothing. Default 10,000.
   */
  readonly handlerGraceMs?: number
  /** Waits between deliveries: numbers, or a function. Default: 1 s, 5 s, 25 s, …, at most 5 minutes, with jitter. */
  readonly retry?: RetryDelay
  /**
   * Deliveries of a consumer that may be without an ack at once, those of all its instances: what is with handlers and
   * what waits for its retry. At the cap nothing new is delivered, and the app is not ready. Default with `pull`: from
   * 1,000 to 5,000, so many as handlers that fail fast send back while the first of them waits. With `push`, and for a
   * server that allows less (error 10121), the default follows: `concurrency`, and 1,000.
   */
  readonly maxAckPending?: number
  /**
   * Where a durable begins that does not exist yet: `all` (default) handles everything that the stream still holds,
   * `new` what is published after it was made, `{ time }` what was stored then or later, `{ sequence }` from there on.
   * One that exists goes on where it stopped. An ephemeral consumer begins at `new` by default.
   */
  readonly startAt?: StartAt
  /** How often the broker says that a consumer is there when nothing arrives, in milliseconds; two missed raise an alarm. Default 5,000. */
  readonly idleHeartbeatMs?: number
  /**
   * A durable of one instance is removed by the broker after this long without its instance. Default 24 hours. An
   * instance that returns later says so and goes on where it stopped, as long as it was away for less than 28 days.
   */
  readonly inactiveThresholdMs?: number
  /** When the watchdog speaks up. */
  readonly watchdog?: WatchdogOptions
}

/** The options with every default filled in. */
export interface SubscriberSettings extends Required<
  Omit<SubscriberOptions, 'retry' | 'instanceId' | 'watchdog' | 'maxAckPending'>
> {
  /** Undefined: it follows from concurrency and retries. */
  readonly maxAckPending: number | undefined
  readonly instanceId: string
  readonly retry: RetryDelay
  readonly watchdog: WatchdogSettings
}

/** Failures of a message when nothing else is said. */
export const DEFAULT_MAX_DELIVER = 3
const DEFAULT_MAX_UNSETTLED = 5
export const DEFAULT_IDLE_HEARTBEAT_MS = 5_000

const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/
const INSTANCE = /^[A-Za-z0-9-]{1,40}$/
/** Endings of the kit's own consumers beside an app's. */
const RESERVED_INSTANCES = new Set(['advisories', 'redrive', 'recover'])

/** @throws KitError `invalid_options`, saying which option and why. */
export function resolveSubscriberOptions(options: SubscriberOptions): SubscriberSettings {
  const refuse = (why: string): never => {
    throw new KitError(KitErrorCode.InvalidOptions, `subscriber of ${JSON.stringify(options.app)}: ${why}`)
  }
  const lifetime = options.lifetime ?? 'durable'
  const delivery = options.delivery ?? 'queue-group'
  const ackWaitMs = options.ackWaitMs ?? 30_000
  const settings: SubscriberSettings = {
    contracts: options.contracts,
    app: options.app,
    handlers: options.handlers,
    mode: options.mode ?? 'pull',
    lifetime,
    delivery,
    instanceId: options.instanceId ?? randomUUID(),
    maxDeliver: options.maxDeliver ?? DEFAULT_MAX_DELIVER,
    maxUnsettled: options.maxUnsettled ?? DEFAULT_MAX_UNSETTLED,
    ackWaitMs,
    concurrency: options.concurrency ?? 16,
    maxHandlerMs: options.maxHandlerMs ?? 300_000,
    handlerGraceMs: options.handlerGraceMs ?? 10_000,
    retry: options.retry ?? {},
    maxAckPending: options.maxAckPending,
    startAt: options.startAt ?? (lifetime === 'ephemeral' ? 'new' : 'all'),
    idleHeartbeatMs: options.idleHeartbeatMs ?? DEFAULT_IDLE_HEARTBEAT_MS,
    inactiveThresholdMs: options.inactiveThresholdMs ?? 24 * 60 * 60 * 1_000,
    watchdog: resolveWatchdogOptions(options.watchdog),
  }
  if (!NAME.test(settings.app)) refuse('the app name must be kebab case (a-z, 0-9, "-")')
  if (!INSTANCE.test(settings.instanceId)) refuse('instanceId may have letters, digits and "-", at most 40 of them')
  if (RESERVED_INSTANCES.has(settings.instanceId))
    refuse(`instanceId ${JSON.stringify(settings.instanceId)} is the name of a consumer of the kit's own`)
  if (delivery === 'fan-out' && lifetime === 'durable' && options.instanceId === undefined) {
    refuse(
      'durable fan-out needs an instanceId that stays the same across restarts, or each start would leave a consumer behind',
    )
  }
  if (settings.handlers.length === 0) refuse('no handler was given')
  const channels = new Set<string>()
  for (const { channel } of settings.handlers) {
    if (channels.has(channel.name))
      refuse(`channel ${JSON.stringify(channel.name)} has two handlers; put both into one`)
    if (!settings.contracts.channels.includes(channel))
      refuse(`channel ${JSON.stringify(channel.name)} is not part of the contracts`)
    channels.add(channel.name)
  }
  for (const name of [
    'maxDeliver',
    'maxUnsettled',
    'ackWaitMs',
    'concurrency',
    'maxHandlerMs',
    'handlerGraceMs',
    'idleHeartbeatMs',
    'inactiveThresholdMs',
  ] as const) {
    if (!Number.isSafeInteger(settings[name]) || settings[name] < 1)
      refuse(`${name} must be a whole number from 1, not ${settings[name]}`)
  }
  if (settings.ackWaitMs < 300) refuse('ackWaitMs below 300 leaves no time for a signal that a handler still runs')
  if (settings.idleHeartbeatMs < 100 || settings.idleHeartbeatMs > 10_000)
    refuse('idleHeartbeatMs must be from 100 to 10,000')
  const { maxAckPending, concurrency } = settings
  if (maxAckPending !== undefined && !(Number.isSafeInteger(maxAckPending) && maxAckPending >= concurrency))
    refuse(`maxAckPending must be a whole number from concurrency (${concurrency}), not ${maxAckPending}`)
  for (const startAt of [settings.startAt, ...settings.handlers.flatMap((handler) => handler.startAt ?? [])]) {
    const why = whyNoStart(startAt)
    if (why !== undefined) refuse(why)
  }
  for (const { channel, minConcurrency = 1 } of settings.handlers) {
    if (concurrency < minConcurrency)
      refuse(
        `channel ${JSON.stringify(channel.name)}: its handler takes ${minConcurrency} messages at a time, so concurrency must be at least that, not ${concurrency}`,
      )
  }
  for (const { channel, retry = settings.retry, maxDeliver = settings.maxDeliver } of settings.handlers) {
    checkRetry(settings, channel, retry, maxDeliver, (why) => refuse(`channel ${JSON.stringify(channel.name)}: ${why}`))
  }
  return settings
}

/** A policy that cannot work is refused at start: found out later, it would be found out by lost time or messages. */
function checkRetry(
  settings: SubscriberSettings,
  channel: Channel,
  retry: RetryDelay,
  maxDeliver: number,
  refuse: (why: string) => never,
): void {
  if (!Number.isSafeInteger(maxDeliver) || maxDeliver < 1)
    refuse(`maxDeliver must be a whole number from 1, not ${maxDeliver}`)
  if (settings.ackWaitMs > settings.maxHandlerMs) {
    refuse(
      `ackWaitMs ${settings.ackWaitMs} is longer than maxHandlerMs ${settings.maxHandlerMs}: a handler would be told to stop before its message can be redelivered`,
    )
  }
  if (typeof retry === 'function') return
  const { baseMs, factor, capMs, jitter } = { ...DEFAULT_RETRY_POLICY, ...retry }
  if (!(baseMs >= 0 && capMs >= baseMs && factor >= 1 && jitter >= 0 && jitter <= 1)) {
    refuse('retry needs baseMs from 0, capMs from baseMs, factor from 1 and jitter from 0 to 1')
  }
  const stream = settings.contracts.streamOf(channel)
  const longestMs = (totalRetryMs(retry, maxDeliver) ?? 0) + maxDeliver * settings.ackWaitMs
  if (longestMs > stream.maxAgeMs) {
    refuse(
      `${maxDeliver} deliveries with these waits and ackWaitMs ${settings.ackWaitMs} may take ${longestMs} ms, but ${stream.name} keeps a message for ${stream.maxAgeMs} ms: it would vanish before its last delivery`,
    )
  }
}
