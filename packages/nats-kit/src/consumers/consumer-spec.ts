import { decodeMessage } from '../codec/json-codec.ts'
import { Envelope } from '../handling/envelope.ts'
import type { MessageHandler } from '../handling/handler.ts'
import type { Handling } from '../handling/handling.ts'
import { messageKey } from '../handling/message-key.ts'
import { consumerName } from './consumer-name.ts'
import type { SubscriberSettings } from './options.ts'
import type { StartAt } from '../handling/start-at.ts'

/** All that a consumer's runner needs to know of whom it serves: where its messages are, and what they go through. */
export interface ConsumerSpec extends Handling {
  readonly stream: string
  /** The consumer's name on the broker. */
  readonly name: string
  readonly filterSubject: string
  /** Where it begins when it is made; a work queue is read from its beginning. */
  readonly startAt?: StartAt
  /** The stream lets a message go once it is settled. */
  readonly workQueue?: boolean
}

/** The consumer of an app's handler. */
export function specOf(settings: SubscriberSettings, handler: MessageHandler): ConsumerSpec {
  const { channel } = handler
  const { key } = channel
  const stream = settings.contracts.streamOf(channel)
  const maxDeliver = handler.maxDeliver ?? settings.maxDeliver
  return {
    stream: stream.name,
    name: consumerName(settings, channel),
    channel: channel.name,
    filterSubject: channel.subject,
    maxDeliver,
    maxUnsettled: Math.max(settings.maxUnsettled, maxDeliver),
    retry: handler.retry ?? settings.retry,
    maxAgeMs: stream.maxAgeMs,
    keyOf: key === undefined ? undefined : (bytes) => messageKey(key, bytes),
    open: (message, scope) => new Envelope(message, scope),
    startAt: handler.startAt ?? settings.startAt,
    decode: (bytes) => decodeMessage(channel, bytes),
    handle: (message, context) => handler.handle(message, context),
  }
}
