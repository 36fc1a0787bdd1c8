import { decodeMessage } from '../codec/json-codec.ts'
import { consumerName } from './consumer-name.ts'
import type { MessageContext, MessageHandler } from '../handling/handler.ts'
import type { SubscriberSettings } from './options.ts'
import type { StartAt } from './start-at.ts'
import type { RetryDelay } from '../handling/retry-policy.ts'

/** All that a consumer's runner and processor need to know of whom they serve. */
export interface ConsumerSpec {
  readonly stream: string
  /** The consumer's name on the broker. */
  readonly name: string
  /** What messages are called in logs, events and dead letters: the channel's name. */
  readonly channel: string
  readonly filterSubject: string
  readonly maxDeliver: number
  readonly retry: RetryDelay
  /** Where it begins when it is made; a work queue is read from its beginning. */
  readonly startAt?: StartAt
  /** The stream lets a message go once it is settled. */
  readonly workQueue?: boolean
  /** What `handle` takes, or an `InvalidMessage` of the contracts. */
  decode(bytes: Uint8Array): unknown
  handle(message: never, context: MessageContext): Promise<void> | void
}

/** The consumer of an app's handler. */
export function specOf(settings: SubscriberSettings, handler: MessageHandler): ConsumerSpec {
  const { channel } = handler
  return {
    stream: settings.contracts.streamOf(channel).name,
    name: consumerName(settings, channel),
    channel: channel.name,
    filterSubject: channel.subject,
    maxDeliver: handler.maxDeliver ?? settings.maxDeliver,
    retry: handler.retry ?? settings.retry,
    startAt: handler.startAt ?? settings.startAt,
    decode: (bytes) => decodeMessage(channel, bytes),
    handle: (message, context) => handler.handle(message, context),
  }
}
