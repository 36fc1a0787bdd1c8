import type { App, Contracts } from '@alarm-bus/contracts'
import { callerHeaderLines, EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import { encodeMessage } from '../codec/json-codec.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { findTracer } from '../tracing/find-tracer.ts'
import { traceSending } from '../tracing/traced-publisher.ts'
import { routesOf } from './message-route.ts'
import { messageIdOf } from './publish-options.ts'
import type { MessagePublisher, SentReceipt } from './publisher.ts'

/** Subjects of core messages begin with it: on a channel's own subject the stream would store them. */
export const CORE_PREFIX = 'core.'

/**
 * The publisher for core NATS: at most once. A receipt means that the message was handed to the connection; whoever
 * listens on `core.<subject>` now gets it, nothing is stored, and nobody knows whether it arrived.
 *
 * `publish` rejects with KitError `invalid_message`, `invalid_message_id`, `invalid_header`, `message_too_large`;
 * `invalid_ttl` for any TTL, since nothing is kept; `broker_unavailable` while the connection is down; `closed`.
 */
export function createCorePublisher(
  connection: Connection,
  options: {
    readonly contracts: Contracts
    /** Given: only the channels that the app declares to publish. */
    readonly app?: App
  },
): MessagePublisher<SentReceipt> {
  const routeOf = routesOf(options.contracts, options.app)
  let closed = false
  const publisher: MessagePublisher<SentReceipt> = {
    async publish(channel, message, publishOptions) {
      if (closed) throw new KitError(KitErrorCode.Closed, 'the publisher is closed; nothing was sent')
      const { contractLines } = routeOf(channel)
      const payload = encodeMessage(channel, message)
      const id = messageIdOf(publishOptions)
      if (publishOptions?.ttlSeconds !== undefined) {
        throw new KitError(KitErrorCode.InvalidTtl, 'core NATS stores nothing, so a message has no time to live')
      }
      if (connection.state !== 'connected') {
        throw new KitError(
          KitErrorCode.BrokerUnavailable,
          `not connected; nothing was sent on ${CORE_PREFIX}${channel.subject}`,
        )
      }
      const headers = new EncodedHeaders(
        headerLine(HeaderName.MessageId, id) + contractLines + callerHeaderLines(publishOptions?.headers),
      )
      connection.client.publish(CORE_PREFIX + channel.subject, payload, { headers: headers as never })
      return { id }
    },
    async close() {
      closed = true
    },
  }
  const tracer = findTracer()
  if (!tracer) return publisher
  return { ...publisher, publish: traceSending(publisher.publish, tracer, connection, CORE_PREFIX) }
}
