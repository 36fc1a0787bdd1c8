import type { Channel, MessageOf } from '@alarm-bus/contracts'
import type { Logger } from '../logger.ts'

/** What is known of a message at most once besides its content. */
export interface ListenerContext {
  readonly channel: string
  /** `core.` and the channel's subject. */
  readonly subject: string
  /** The publisher's message id, undefined where it gave none. */
  readonly id: string | undefined
  /** The first value of a header, undefined where there is none. */
  header(name: string): string | undefined
  /** Aborts when the handler has run for `maxHandlerMs`, and when shutdown has run out of time. */
  readonly signal: AbortSignal
  readonly logger: Logger
}

export interface ListenerOptions {
  /**
   * `queue-group` (default): each message goes to one instance of the app. `fan-out`: to each instance, for instance to
   * drop what it has cached.
   */
  readonly delivery?: 'queue-group' | 'fan-out'
  /** Messages that are handled at once in this instance; with 1 they are handled in the order of arrival. Default 16. */
  readonly concurrency?: number
  /** Messages that wait for a place, at most; one more is dropped. Default 1,000. */
  readonly maxWaiting?: number
  /** Bytes of what waits, at most, headers included. Default 8,388,608. */
  readonly maxWaitingBytes?: number
  /** A handler that runs for longer is told to stop by its signal; 10 s later its place is given to another. Default 30,000. */
  readonly maxHandlerMs?: number
}

/**
 * Hears what is published at most once on a channel while it runs; what is published before, after, or while the
 * connection is down is not heard, and nothing is redelivered.
 *
 * - A message that does not fit the channel is dropped, one whose handler throws or rejects is over. Both are logged.
 * - What comes faster than it is handled waits within its bounds; then it is dropped, counted, logged, and told as
 *   `slowConsumerDetected`.
 */
export interface Listener<C extends Channel = Channel> extends ListenerOptions {
  readonly channel: C
  handle(message: MessageOf<C>, context: ListenerContext): Promise<void> | void
}

/** A listener with its message type inferred from the channel, as a bus takes it. */
export function defineListener<C extends Channel>(
  channel: C,
  handle: (message: MessageOf<C>, context: ListenerContext) => Promise<void> | void,
  options: ListenerOptions = {},
): Listener {
  return { ...options, channel, handle: handle as Listener['handle'] }
}
