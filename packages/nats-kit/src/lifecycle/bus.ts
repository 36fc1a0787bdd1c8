import type { App, Channel, Contracts } from '@alarm-bus/contracts'
import type { Connection } from '../connection/connection.ts'
import type { ConnectionOptions } from '../connection/options.ts'
import type { SubscriberOptions } from '../consumers/options.ts'
import type { Resume } from '../consumers/pauses.ts'
import type { KitError } from '../errors.ts'
import type { KitEvents } from '../events.ts'
import type { Health } from '../health.ts'
import type { Logger } from '../logger.ts'
import type { Listener } from '../core/listener.ts'
import type { ChannelReading } from '../reading/read-channel.ts'
import type { ReadOptions } from '../reading/read-options.ts'
import type { Requester, RequesterOptions } from '../requests/requester.ts'
import type { Responder } from '../requests/responder.ts'
import type { MessagePublisher, SentReceipt, StoredPublisher } from '../publish/publisher.ts'
import type { StoredSenderOptions } from '../publish/stored-ack.ts'
import type { StreamMode } from '../streams/ensure-streams.ts'
import type { ShutdownReport } from './shut-down.ts'

export interface BusOptions {
  readonly contracts: Contracts
  /**
   * What the app says of itself. Given, it is held to it: a handler, a listener, a publish, a reading, a request or a
   * responder that it does not declare is refused, and retries that it declares for a channel apply.
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
  /** Given: the app asks requests of other apps. */
  readonly requester?: RequesterOptions
  /** The requests that the app answers. Default none. */
  readonly responders?: readonly Responder[]
  /** The channels whose messages at most once the app hears. Default none. */
  readonly listeners?: readonly Listener[]
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
  /** For the functions of the entry `admin`. The bus opens and closes it. */
  readonly connection: Connection
  /**
   * Stores. A message before the first connection waits for it within its budget, as it does after a loss. Rejects with
   * `invalid_options` in a bus without a publisher.
   */
  readonly publisher: StoredPublisher
  /** At most once, nothing stored. Rejects with `broker_unavailable` while there is no connection. */
  readonly corePublisher: MessagePublisher<SentReceipt>
  /**
   * Reads what is stored on a channel without handling it; see `readChannel`. May be called before the first connection,
   * which it waits for. A stop ends it with KitError `closed`.
   *
   * @throws KitError `invalid_options` for options that cannot work, and for a channel that the app does not declare to read.
   */
  read<C extends Channel>(channel: C, options: ReadOptions): ChannelReading<C>
  /** Asks other apps. Rejects with `invalid_options` in a bus without a requester. */
  readonly requester: Pick<Requester, 'request' | 'answer'>
  /**
   * Connects and begins to consume and to answer; the broker may be away, it is tried for ever. May be called without `await`: the
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
   * In order and within `timeoutMs`: no new work, handlers, listeners and responders finish, publishes get their acks, requests
   * that wait are rejected with `closed`, acks and answers are flushed, the connection closes. What could not be finished is logged and in the report. The connection is closed in every case;
   * NaN and a negative `timeoutMs` count as 0. A second call returns the same promise.
   */
  stop(timeoutMs: number): Promise<ShutdownReport>
}
