import type { Channel } from './define-channel.ts'
import { ContractError } from './contract-error.ts'

const STREAM_NAME = /^[A-Za-z0-9_-]{1,64}$/

export interface StreamOptions {
  /** Letters, digits, `_` and `-`: `BASQUIAT_STREAM`. */
  readonly name: string
  readonly description: string
  /** The channels whose messages the stream stores, one subject each. */
  readonly channels: readonly Channel[]
  readonly storage?: 'file' | 'memory'
  /** Messages older than this are removed, in milliseconds. */
  readonly maxAgeMs: number
  /** Most messages; past it `discard` decides. */
  readonly maxMessages: number
  /** Most bytes; past it `discard` decides. */
  readonly maxBytes: number
  /** Most bytes of one stored message, headers included. Default 131,072: a dead letter of it still fits the broker's 256 KiB. */
  readonly maxMessageBytes?: number
  /** What gives way when a limit is reached: the oldest message, or the new one. Default `old`. */
  readonly discard?: 'old' | 'new'
  /** Whether a publisher may give a message a time to live of its own. Default true. */
  readonly allowMessageTtl?: boolean
  /** How long the broker remembers message ids, in milliseconds. Default 120,000. */
  readonly duplicateWindowMs?: number
  /**
   * Those of its channels whose messages may be scheduled. Each takes a stream of its own beside this one, which waiting
   * messages are stored in; one app a channel may schedule. Default none.
   */
  readonly scheduled?: readonly Channel[]
  /** Copies in a cluster: 1, 3 or 5. A deployment's configuration may raise it. Default 1. */
  readonly replicas?: number
}

/** A stream as the teams agree on it. Plain data; `nats-kit` turns it into a server's configuration. */
export type Stream = Readonly<Required<StreamOptions>>

/**
 * Declares a stream.
 *
 * @throws ContractError naming the stream, when a name or a limit cannot work.
 */
export function defineStream(options: StreamOptions): Stream {
  const stream: Stream = {
    storage: 'file',
    maxMessageBytes: 128 * 1024,
    discard: 'old',
    allowMessageTtl: true,
    duplicateWindowMs: 120_000,
    replicas: 1,
    scheduled: [],
    ...options,
  }
  const refuse = (why: string): never => {
    throw new ContractError(`stream ${JSON.stringify(stream.name)}: ${why}`)
  }
  if (!STREAM_NAME.test(stream.name)) refuse('the name may have letters, digits, "_" and "-", at most 64 of them')
  if (stream.channels.length === 0) refuse('has no channels, so it would store nothing')
  for (const limit of ['maxAgeMs', 'maxMessages', 'maxBytes', 'maxMessageBytes', 'duplicateWindowMs'] as const) {
    if (!Number.isSafeInteger(stream[limit]) || stream[limit] < 1) {
      refuse(`${limit} must be a whole number from 1, not ${stream[limit]}: every stream is bounded`)
    }
  }
  if (![1, 3, 5].includes(stream.replicas)) refuse(`replicas must be 1, 3 or 5, not ${stream.replicas}`)
  for (const [index, channel] of stream.scheduled.entries()) {
    const name = JSON.stringify(channel.name)
    if (!stream.channels.includes(channel)) refuse(`scheduled has channel ${name}, which is not among its channels`)
    if (stream.scheduled.indexOf(channel) !== index) refuse(`scheduled has channel ${name} twice`)
  }
  if (stream.duplicateWindowMs > stream.maxAgeMs) refuse('duplicateWindowMs must not be longer than maxAgeMs')
  for (const channel of stream.channels) {
    if (channel.maxMessageBytes >= stream.maxMessageBytes) {
      refuse(
        `channel ${JSON.stringify(channel.name)} allows ${channel.maxMessageBytes} bytes, which leaves no room for headers below maxMessageBytes ${stream.maxMessageBytes}`,
      )
    }
  }
  return Object.freeze(stream)
}
