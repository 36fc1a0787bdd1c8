import type { InvalidMessage } from '@alarm-bus/contracts'
import type { Msg } from '@nats-io/transport-node'
import type { Envelope, EnvelopeScope } from './envelope.ts'
import type { MessageContext } from './handler.ts'
import type { RetryDelay } from './retry-policy.ts'

/** What a consumer's messages go through. An app's own consumer and the one of redriven messages differ here alone. */
export interface Handling {
  /** What messages are called in logs, events and dead letters: the channel's name. */
  readonly channel: string
  /** Failures of a message, after which it becomes a dead letter. */
  readonly maxDeliver: number
  /** Deliveries without any verdict, after which a message is run alone and under a note; see `Trials`. */
  readonly maxUnsettled: number
  readonly retry: RetryDelay
  /** How long the stream keeps a message, in milliseconds; `Infinity` without a limit. */
  readonly maxAgeMs: number
  /** What a message is ordered by, undefined for one of no key; absent where nothing orders messages. */
  readonly keyOf?: ((bytes: Uint8Array) => string | undefined) | undefined
  open(message: Msg, scope: EnvelopeScope): Envelope
  /** What `handle` takes. May throw, as a schema's own function may. */
  decode(bytes: Uint8Array): unknown | InvalidMessage
  handle(message: never, context: MessageContext): Promise<void> | void
}

/** How many handlers run at once, and how long one may take, in milliseconds. */
export interface HandlingLimits {
  readonly concurrency: number
  readonly ackWaitMs: number
  /** Then the handler's signal aborts. */
  readonly maxHandlerMs: number
  /** So much later a handler that did not heed it loses its message. */
  readonly handlerGraceMs: number
}
