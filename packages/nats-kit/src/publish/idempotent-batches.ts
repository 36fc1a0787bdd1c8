import { KitError, KitErrorCode } from '../errors.ts'
import type { MessagePublisher, PublishReceipt, StoredPublisher } from './publisher.ts'

/**
 * The batches of `batches` beside a publisher that holds each id of a caller's to one message. A batch would need a
 * claim for each of its ids before it is sent; as long as none are made, ids of a caller's are refused in batches and
 * streams with KitError `invalid_options` rather than be taken without the promise. Fresh ids need no claim.
 */
export function withIdempotentBatches(
  publisher: MessagePublisher<PublishReceipt>,
  batches: Pick<StoredPublisher, 'publishMany' | 'publishStream'>,
): StoredPublisher {
  return {
    publish: (channel, message, options) => publisher.publish(channel, message, options),
    async publishMany(channel, messages, options) {
      if (options?.ids !== undefined) throw unclaimed()
      return batches.publishMany(channel, messages, options)
    },
    async publishStream(channel, messages, options) {
      if (options?.ids !== undefined) throw unclaimed()
      return batches.publishStream(channel, messages, options)
    },
    close: () => publisher.close(),
  }
}

function unclaimed(): KitError {
  return new KitError(
    KitErrorCode.InvalidOptions,
    'this publisher holds each id to one message, which it cannot do for many at a time: leave the ids out, or publish one by one',
  )
}
