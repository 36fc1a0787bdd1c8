import type { Channel, Contracts, MessageInputOf } from '@alarm-bus/contracts'
import { EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import { encodeJson } from '../codec/json-codec.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { BatchSender } from './batch-sender.ts'
import { routesOf, sharedHeaderLines } from './message-route.ts'
import { createPublishMany, MAX_BATCH_MESSAGES } from './publish-many.ts'
import { messageIdOf } from './publish-options.ts'
import { StreamPublisher } from './publish-stream.ts'
import type { PublishOptions, PublishReceipt, StoredPublisher } from './publisher.ts'
import type { StoredAck, StoredSenderOptions } from './stored-ack.ts'
import { StoredSender } from './stored-sender.ts'

export interface JetStreamPublisherOptions extends StoredSenderOptions {
  readonly contracts: Contracts
  /** Messages of all batches together that may wait for an ack; one batch more is refused. Default 4,000. */
  readonly maxMessagesInBatches?: number
}

export { unknownChannel } from './message-route.ts'

/**
 * The publisher that stores: a receipt means that the broker has the message.
 *
 * `publish` checks the message against its channel, sends it with a full-length id and the expected stream, retries
 * with the same id what is worth retrying, and rejects with a KitError: `invalid_message`, `invalid_message_id`,
 * `invalid_ttl`, `invalid_header`, `message_too_large`, `too_many_in_flight`, `publish_rejected`, `permission_denied`,
 * `broker_unavailable`, `closed`.
 *
 * @throws KitError `invalid_options` when the retry budget does not fit a stream's duplicate window.
 */
export function createJetStreamPublisher(connection: Connection, options: JetStreamPublisherOptions): StoredPublisher {
  const { contracts } = options
  const sender = new StoredSender(connection, options)
  for (const stream of new Set(contracts.channels.map((channel) => contracts.streamOf(channel)))) {
    if (sender.budgetMs >= stream.duplicateWindowMs) {
      throw new KitError(
        KitErrorCode.InvalidOptions,
        `budgetMs ${sender.budgetMs} must be shorter than the duplicate window of ${stream.name}, ${stream.duplicateWindowMs} ms: a later retry would be stored twice`,
      )
    }
  }
  const routeOf = routesOf(contracts)
  const attemptTimeoutMs = options.attemptTimeoutMs ?? 5_000
  const maxMessages = options.maxMessagesInBatches ?? 4 * MAX_BATCH_MESSAGES
  const batches = new BatchSender(connection, { maxMessages, attemptTimeoutMs, budgetMs: sender.budgetMs })
  const streams = new StreamPublisher(connection, routeOf, { attemptTimeoutMs })

  const prepare = (channel: Channel, message: unknown, publishOptions: PublishOptions | undefined) => {
    const route = routeOf(channel)
    const payload = encodeJson(channel, message as MessageInputOf<Channel>)
    const id = messageIdOf(publishOptions)
    const shared = sharedHeaderLines(route, publishOptions)
    const headers = new EncodedHeaders(headerLine(HeaderName.MessageId, id) + route.streamLine + shared)
    return { id, payload, headers }
  }

  const toReceipt = (channel: Channel, id: string, ack: StoredAck, ownId: boolean): PublishReceipt => {
    if (!ack.duplicate) return { id, stream: ack.stream, seq: ack.seq, duplicate: false }
    // A fresh id can only meet an earlier attempt of its own: the message was stored once, by this call.
    const duplicate = !ownId
    const detail = { channel: channel.name, id, stream: ack.stream, seq: ack.seq }
    if (duplicate) {
      connection.logger.info({ event: 'duplicateDetected', ...detail }, 'message of this id is stored already')
      connection.events.emit('duplicateDetected', detail)
    } else {
      connection.logger.info(
        { event: 'retryMetItself', attempts: ack.attempts, ...detail },
        'an earlier attempt had stored the message',
      )
    }
    return { id, stream: ack.stream, seq: ack.seq, duplicate }
  }

  return {
    publish(channel, message, publishOptions) {
      let prepared: ReturnType<typeof prepare>
      try {
        prepared = prepare(channel, message, publishOptions)
      } catch (error) {
        return Promise.reject(KitError.from(error))
      }
      const { id, payload, headers } = prepared
      return sender
        .send(channel.subject, headers, payload, publishOptions?.timeoutMs)
        .then((ack) => toReceipt(channel, id, ack, publishOptions?.id === undefined))
    },
    publishMany: createPublishMany(connection, routeOf, batches),
    publishStream: (channel, messages, streamOptions) => streams.publish(channel, messages, streamOptions),
    close: async () => void (await Promise.all([sender.close(), batches.close(), streams.close()])),
  }
}
