import type { Channel, MessageOf } from '@alarm-bus/contracts'
import type { Logger } from '../logger.ts'
import type { MessageContext } from './handler.ts'

/** One message of a batch. */
export interface BatchMessage<C extends Channel = Channel> {
  readonly message: MessageOf<C>
  readonly context: MessageContext
}

export interface BatchContext {
  readonly channel: string
  /** Aborts as soon as one message's own signal does: when it has run for `maxHandlerMs`, or shutdown has run out of time. */
  readonly signal: AbortSignal
  readonly logger: Logger
}

/**
 * What became of one message: undefined is handled, and an error is what a handler of that message alone would have
 * thrown: `RetryLater`, `DeadLetter`, or any other one, which is retried.
 */
export type BatchOutcome = Error | undefined
