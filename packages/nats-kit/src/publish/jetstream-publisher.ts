import type { Channel, Contracts, MessageInputOf } from '@alarm-bus/contracts'
import { callerHeaderLines, EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import { contractHeaderLines, encodeMessage } from '../codec/json-codec.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { checkedTtlSeconds, messageIdOf } from './publish-options.ts'
import type { MessagePublisher, PublishOptions, PublishReceipt } from './publisher.ts'
import { type StoredAck, StoredSender, type StoredSenderOptions } from './stored-sender.ts'

export interface JetStreamPublisherOptions extends StoredSenderOptions {
  readonly contracts: Contracts
}

/** What is the same for every message of a channel. */
interface Route {
  readonly stream: string
  readonly allowMessageTtl: boolean
  readonly headerLines: string
}

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
export function createJetStreamPublisher(
  connection: Connection,
  options: JetStreamPublisherOptions,
): MessagePublisher<PublishReceipt> {
  const { contracts } = options
  const sender = new StoredSender(connection, options)
  const routes = new Map<Channel, Route>()
  for (const channel of contracts.channels) {
    const stream = contracts.streamOf(channel)
    if (sender.budgetMs >= stream.duplicateWindowMs) {
      throw new KitError(
        KitErrorCode.InvalidOptions,
        `budgetMs ${sender.budgetMs} must be shorter than the duplicate window of ${stream.name}, ${stream.duplicateWindowMs} ms: a later retry would be stored twice`,
      )
    }
    routes.set(channel, {
      stream: stream.name,
      allowMessageTtl: stream.allowMessageTtl,
      headerLines: headerLine(HeaderName.ExpectedStream, stream.name) + contractHeaderLines(channel),
    })
  }

  const prepare = (channel: Channel, message: unknown, publishOptions: PublishOptions | undefined) => {
    const route = routes.get(channel)
    if (!route) throw unknownChannel(channel, contracts)
    const payload = encodeMessage(channel, message as MessageInputOf<Channel>)
    const id = messageIdOf(publishOptions)
    const ttlSeconds = checkedTtlSeconds(publishOptions)
    if (ttlSeconds !== undefined && !route.allowMessageTtl) {
      throw new KitError(KitErrorCode.InvalidTtl, `stream ${route.stream} does not allow a time to live per message`)
    }
    const headers = new EncodedHeaders(
      headerLine(HeaderName.MessageId, id) +
        route.headerLines +
        (ttlSeconds === undefined ? '' : headerLine(HeaderName.Ttl, `${ttlSeconds}s`)) +
        callerHeaderLines(publishOptions?.headers),
    )
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
      connection.logger.info({ event: 'retryMetItself', attempts: ack.attempts, ...detail }, 'an earlier attempt had stored the message')
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
    close: () => sender.close(),
  }
}

export function unknownChannel(channel: Channel, contracts: Contracts): KitError {
  const known = contracts.channels.map(({ name }) => name).join(', ')
  return new KitError(
    KitErrorCode.InvalidOptions,
    `channel ${JSON.stringify(channel.name)} is not part of the contracts; those that are: ${known}`,
  )
}
