import type { Channel, MessageInputOf } from '@alarm-bus/contracts'
import type { Scheduler } from '../schedules/scheduler.ts'

export interface PublishOptions {
  /**
   * Message id, 1 to 128 characters without control characters. The broker stores one message of an id within the
   * stream's duplicate window. Default: a fresh UUID.
   */
  readonly id?: string
  /** Whole seconds, from 1, after which the message leaves the stream. Default: the stream's own age limit. */
  readonly ttlSeconds?: number
  /**
   * All attempts together, in milliseconds above 0, the wait for a connection included; only to shorten the publisher's
   * own budget. NaN, Infinity, 0 and less are refused with `invalid_options`.
   */
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

export interface PublishManyOptions extends Omit<PublishOptions, 'id'> {
  /** One id a message, in their order. Default: fresh UUIDs. */
  readonly ids?: readonly string[]
}

/** The broker's ack of a whole batch. */
export interface BatchReceipt {
  readonly count: number
  readonly stream: string
  /** Sequences of the first and the last message; the others lie between them in order, and nothing else does. */
  readonly firstSeq: number
  readonly lastSeq: number
  readonly ids: readonly string[]
  /** The stream held this batch of the caller's ids already, so nothing new was stored. */
  readonly duplicate: boolean
}

export interface PublishStreamOptions<Message = unknown> extends Pick<PublishOptions, 'ttlSeconds' | 'headers'> {
  /**
   * The id of each message, its index from 0. With ids that are the same for the same message an ended stream can be
   * resumed within the duplicate window. Default: fresh ids.
   */
  readonly ids?: (message: Message, index: number) => string
  /** Messages that may wait for the broker's word; nothing beyond is asked of the source. Default 1,000. */
  readonly maxInFlight?: number
  /** Ends the stream; what was sent is confirmed first. */
  readonly signal?: AbortSignal
}

export interface StreamReceipt {
  /** Messages that are stored, those of them included that were stored before under the same ids. */
  readonly count: number
  readonly stream: string
  /** Sequence of the last message that this call stored; 0 when it stored nothing new. */
  readonly lastSeq: number
}

/** A publisher whose messages are stored, that stores many at a time, and that has messages delivered later. */
export interface StoredPublisher extends MessagePublisher<PublishReceipt>, Scheduler {
  /**
   * Stores 1 to 1,000 messages of one channel in one step: all of them, in order and side by side, or none.
   *
   * Every message is checked and encoded before the first is sent. A batch without an answer (lost connection, lost
   * ack, no leader) is sent again as a whole within the budget. It is never stored twice: the broker refuses a batch
   * that holds an id it knows, and says where the id is, so the receipt is the same as if the ack had come.
   *
   * Batches have a bound of their own, `maxMessagesInBatches`, in which each counts as its messages.
   *
   * Rejects with what `publish` rejects with, and KitError `invalid_batch`; `batches_disabled` where the stream has no
   * `allow_atomic`; `batch_conflict` where some of the caller's ids are stored but not this batch; `too_many_batches`
   * where the broker had too many under way for the whole budget (its defaults: 50 a stream, 1,000 a server). Errors
   * about one message name its index in the text and in front of the paths of the issues. After any error but
   * `broker_unavailable` nothing of the batch is stored.
   */
  publishMany<C extends Channel>(
    channel: C,
    messages: readonly MessageInputOf<C>[],
    options?: PublishManyOptions,
  ): Promise<BatchReceipt>
  /**
   * Stores the messages of an iterable as they come, by the broker's fast ingest: each is checked like `publish` does,
   * sent in order, and the broker says now and then how far it is. Not atomic.
   *
   * The source is asked for a message only while fewer than `maxInFlight` wait for the broker's word, so memory is
   * bounded by that many messages. Sources may pause as long as they like.
   *
   * Nothing is retried: an error ends it. Whatever the reason, the KitError's `stored` says how many of the first
   * messages are stored for certain. It is exact where the broker can still be asked (`invalid_message`,
   * `invalid_message_id`, `message_too_large`, `source_failed`, `aborted`, `closed`, a refusal by the broker); after
   * `broker_unavailable` more may be stored. To resume without storing anything twice, go on behind the first `stored`
   * messages with the same `ids` within the stream's duplicate window.
   *
   * Rejects as well with `batches_disabled` where the stream has no `allow_batched`, and `too_many_batches`.
   */
  publishStream<C extends Channel>(
    channel: C,
    messages: AsyncIterable<MessageInputOf<C>> | Iterable<MessageInputOf<C>>,
    options?: PublishStreamOptions<MessageInputOf<C>>,
  ): Promise<StreamReceipt>
}
