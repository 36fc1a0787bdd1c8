import { EventEmitter } from 'node:events'
import type { WatchdogCondition } from './condition.ts'
import { errorText } from './errors.ts'

export type ConnectionState = 'connecting' | 'connected' | 'disconnected' | 'closed'

/** Every event of the kit with what it carries. */
export interface KitEventMap {
  /** The connection changed its state; `server` is the address without credentials, where one is known. */
  connectionStateChanged: { state: ConnectionState; server?: string; reason?: string }
  /** The broker reported an error on this connection. */
  errorOccurred: { error: string; operation?: string; subject?: string }
  /**
   * A subscription has more waiting than it may. Limits that do not exist are absent; `dropped` counts what the
   * client threw away, which JetStream never does. The fields from `stream` on are a JetStream consumer's: its
   * deliveries without an ack against how many it may have, and an age that no unread message exceeds, known once this
   * process was delivered one.
   */
  slowConsumerDetected: {
    subject: string
    pendingMessages: number
    pendingMessagesLimit?: number
    pendingBytes?: number
    pendingBytesLimit?: number
    dropped: number
    stream?: string
    consumer?: string
    ackPending?: number
    ackPendingLimit?: number
    oldestUnreadMsAtMost?: number
  }
  /** The client threw where nothing waits for the result. */
  exceptionOccurred: { error: Error; during: string }
  /** A consumer's heartbeats stay away; sequences are the last ones seen, 0 if none was. */
  heartbeatAlarm: {
    stream: string
    consumer: string
    lastStreamSequence: number
    lastConsumerSequence: number
    silentMs: number
  }
  /** A publish was answered as a duplicate: the broker holds an earlier message of that id. */
  duplicateDetected: { channel: string; id: string; stream: string; seq: number }
  /** A message was stored as a dead letter and will not be delivered again. */
  deadLetterStored: {
    channel: string
    consumer: string
    stream: string
    seq: number
    deliveries: number
    reason: string
    error: string
  }
  /** A handler failed and the message is redelivered after `delayMs`. */
  retryScheduled: {
    channel: string
    consumer: string
    stream: string
    seq: number
    deliveries: number
    delayMs: number
    error: string
  }
  /** A consumer started to run, or stopped running and says why: it recovers, the app paused it, or it was stopped. */
  consumerStateChanged: { stream: string; consumer: string; state: ConsumerState; reason?: string }
  /**
   * A consumer was looked at: how many messages wait for it, and how many deliveries are without an ack. No message that
   * waits is older than `oldestUnreadMsAtMost`, known once this process was delivered one, and 0 where none waits.
   */
  consumerMeasured: {
    stream: string
    consumer: string
    channel: string
    pendingMessages: number
    ackPending: number
    oldestUnreadMsAtMost?: number
  }
  /** A condition that the watchdog looks for began or ended; without a consumer it is the process's. */
  watchdogChanged: { condition: WatchdogCondition; stream?: string; consumer?: string; on: boolean; detail: string }
  /**
   * Messages of this consumer's left the stream before it saw them: dropped by a limit, or expired. They lie between the
   * sequences `from` and `to`; `atLeast` of them are proven.
   */
  messagesMissed: {
    stream: string
    consumer: string
    channel: string
    from: number
    to: number
    atLeast: number
    atMost: number
  }
  /**
   * While this consumer was not watched, the stream dropped messages that this consumer cannot have seen. They may all have been other
   * channels': nothing on the broker says.
   */
  messagesMayBeMissed: { stream: string; consumer: string; channel: string; from: number; to: number; atMost: number }
  /** No stream answered a publish on `subject`: there is none, or its leader is being elected. It is tried again. */
  noStreamAnswered: { subject: string }
  /** A message was not stored: a stream refused it for good, or its time ran out. */
  publishFailed: { error: string }
  /** A look found a stream with another configuration than the look before. */
  streamEdited: { stream: string }
  /** A stream was created, or one of its fields changed. */
  streamChanged: { stream: string; action: 'created' | 'updated'; changes: readonly object[] }
}

export type ConsumerState = 'starting' | 'running' | 'recovering' | 'paused' | 'stopped'

type Listener<K extends keyof KitEventMap> = (detail: KitEventMap[K]) => void

/**
 * The kit's typed emitter. A listener that throws, or whose promise rejects, is the listener's bug: it is reported as
 * `exceptionOccurred`, and stops no message. `emit` never throws.
 */
export class KitEvents {
  // Every publisher and consumer of a connection listens: their number is the app's, not a leak.
  readonly #emitter = new EventEmitter().setMaxListeners(0)

  on<K extends keyof KitEventMap>(event: K, listener: Listener<K>): this {
    this.#emitter.on(event, listener)
    return this
  }

  off<K extends keyof KitEventMap>(event: K, listener: Listener<K>): this {
    this.#emitter.off(event, listener)
    return this
  }

  emit<K extends keyof KitEventMap>(event: K, detail: KitEventMap[K]): void {
    for (const listener of this.#emitter.listeners(event)) {
      try {
        const result: unknown = (listener as Listener<K>)(detail)
        if (result instanceof Promise) result.catch((cause: unknown) => this.#report(event, cause))
      } catch (cause) {
        this.#report(event, cause)
      }
    }
  }

  #report(event: keyof KitEventMap, cause: unknown): void {
    const during = `a listener of ${event}`
    // Text alone: the warning is printed where a getter that throws would end the process.
    if (event === 'exceptionOccurred') process.emitWarning(`${during} threw: ${errorText(cause)}`)
    else this.emit('exceptionOccurred', { error: readableError(cause), during })
  }
}

/** What was thrown, where it is an error that can be read; else an error that says what it was. */
function readableError(thrown: unknown): Error {
  try {
    if (thrown instanceof Error && typeof thrown.message === 'string' && typeof thrown.stack === 'string') return thrown
  } catch {
    // Said below.
  }
  return new Error(errorText(thrown))
}
