import type { Channel, MessageOf } from '@alarm-bus/contracts'
import type { Logger } from '../logger.ts'
import type { ConnectionUser } from './connection-user.ts'
import type { StartAt } from './start-at.ts'
import type { RetryDelay } from './retry-policy.ts'

/** What is known of a message besides its content. Read lazily: what a handler does not ask for costs nothing. */
export interface MessageContext {
  readonly channel: string
  readonly subject: string
  readonly stream: string
  /** Sequence in the stream: with `stream`, the message's identity across all deliveries; a redriven message keeps its original's. */
  readonly seq: number
  readonly consumer: string
  /** 1 for the first delivery. */
  readonly deliveryCount: number
  /** When the broker stored the message. */
  readonly storedAt: Date
  /** The publisher's message id, undefined where it gave none. */
  readonly id: string | undefined
  /** The first value of a header, undefined where there is none. */
  header(name: string): string | undefined
  /** Aborts when the handler has run for `maxHandlerMs`, and when shutdown has run out of time. */
  readonly signal: AbortSignal
  readonly logger: Logger
  /**
   * Calls `listener` when the message is taken from this handler, which ran past its time and did not heed its signal: what
   * the handler holds for the message had better be given up. Absent where nothing takes messages back.
   */
  onTakenBack?(listener: () => void): void
}

/** What differs for one channel; the rest is the subscriber's. */
export interface HandlerOptions {
  /** Waits between deliveries. Default: the subscriber's. */
  readonly retry?: RetryDelay
  /** Deliveries, the first included. Default: the subscriber's. */
  readonly maxDeliver?: number
  /** Where its durable begins that does not exist yet. Default: the subscriber's. */
  readonly startAt?: StartAt
  /** Messages that have to be with the handler at once for it to work; a subscriber whose `concurrency` is less is refused. Default 1. */
  readonly minConcurrency?: number
  /** What has to be open before the first message; the subscriber opens and closes it. */
  readonly uses?: readonly ConnectionUser[]
}

/**
 * Handles one channel's messages, one call a delivery.
 *
 * - Returns or resolves: the message is acknowledged and never comes again.
 * - Throws or rejects: it comes again after a growing delay; after the last delivery it becomes a dead letter.
 * - Throws `RetryLater` or `DeadLetter`: it comes again after the delay it names, or becomes a dead letter at once.
 * - At least once: the same message may come twice, so what a handler does should bear being done twice.
 * - Calls overlap, up to the subscriber's `concurrency`, in no promised order.
 */
export interface MessageHandler<C extends Channel = Channel> extends HandlerOptions {
  readonly channel: C
  handle(message: MessageOf<C>, context: MessageContext): Promise<void> | void
}

/** A handler with its message type inferred from the channel, as a list of handlers takes it. */
export function defineHandler<C extends Channel>(
  channel: C,
  handle: (message: MessageOf<C>, context: MessageContext) => Promise<void> | void,
  options: HandlerOptions = {},
): MessageHandler {
  return { ...options, channel, handle: handle as MessageHandler['handle'] }
}
