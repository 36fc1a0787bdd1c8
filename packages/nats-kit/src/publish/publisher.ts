import type { Channel, MessageInputOf } from '@alarm-bus/contracts'

export interface PublishOptions {
  /**
   * Message id, 1 to 128 characters without control characters. The broker stores one message of an id within the
   * stream's duplicate window. Default: a fresh UUID.
   */
  readonly id?: string
  /** Whole seconds, from 1, after which the message leaves the stream. Default: the stream's own age limit. */
  readonly ttlSeconds?: number
  /** All attempts together, in milliseconds; only to shorten the publisher's own budget. */
  readonly timeoutMs?: number
  /** Further headers; names of the broker's and the kit's are refused. */
  readonly headers?: Readonly<Record<string, string>>
}

/** What the broker answered, or what is known without an answer. */
export interface SentReceipt {
  readonly id: string
}

/** The broker's ack: the message is stored. */
export interface PublishReceipt extends SentReceipt {
  readonly stream: string
  /** Sequence in the stream; of the earlier message, where `duplicate`. */
  readonly seq: number
  /** The stream held a message of this id already, so nothing new was stored. */
  readonly duplicate: boolean
}

/**
 * Sends typed messages. What a receipt promises is the implementation's: stored, from {@link createJetStreamPublisher};
 * handed to the connection, from {@link createCorePublisher}.
 *
 * - Ordering: messages of one publisher are sent in the order of the calls; a retried one may be stored later.
 * - Every failure is a rejection with a KitError; nothing is thrown synchronously.
 */
export interface MessagePublisher<Receipt extends SentReceipt = SentReceipt> {
  publish<C extends Channel>(channel: C, message: MessageInputOf<C>, options?: PublishOptions): Promise<Receipt>
  /** Refuses new messages and waits for those in flight, each within its budget. */
  close(): Promise<void>
}
