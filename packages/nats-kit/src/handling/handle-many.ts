import type { Channel } from '@alarm-bus/contracts'
import { positive, wholeMs } from '../checked-options.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { Batcher } from './batcher.ts'
import type { BatchContext, BatchMessage, BatchOutcome } from './batch-message.ts'
import { defineHandler, type HandlerOptions, type MessageHandler } from './handler.ts'

export interface HandleManyOptions extends HandlerOptions {
  /** Messages of one batch, at most; the subscriber's `concurrency` has to be as many. From 1 to 10,000. */
  readonly maxMessages: number
  /** How long the first message of a batch waits for others, in milliseconds; 0 takes what came together. */
  readonly maxWaitMs: number
  /** Batches that are handled at once in this instance. While they run, the next one gathers. Default 1. */
  readonly maxBatches?: number
}

const MAX_MESSAGES = 10_000

/**
 * Handles a channel's messages many at a time, for what costs the same for one and for a hundred: a transaction, a bulk
 * request. Everything else is as with `defineHandler`: each message has its own verdict, retries, dead letter and signal.
 *
 * - Returns or resolves nothing: all are handled. An array has an outcome for each message, in the same order.
 * - Throws or rejects: all of them failed, so nothing of the batch may have been done. What is redelivered after a
 *   failure is handled in a batch of its own, whatever instance it comes to: a message that no batch survives fails
 *   alone from then on. `RetryLater` is no failure, so what it was thrown for comes in batches again.
 * - A thrown `DeadLetter` is a failure like any other for more than one message; return it for the message that it is for.
 *
 * @throws KitError `invalid_options` for bounds that cannot work.
 */
export function handleMany<C extends Channel>(
  channel: C,
  handle: (
    messages: readonly BatchMessage<C>[],
    context: BatchContext,
  ) => Promise<readonly BatchOutcome[] | void> | readonly BatchOutcome[] | void,
  options: HandleManyOptions,
): MessageHandler {
  const { maxMessages, maxWaitMs, maxBatches = 1, ...handlerOptions } = options
  if (positive('maxMessages', maxMessages) > MAX_MESSAGES) {
    const why = `maxMessages must be at most ${MAX_MESSAGES}, not ${maxMessages}`
    throw new KitError(KitErrorCode.InvalidOptions, why)
  }
  const batcher = new Batcher({
    maxMessages,
    maxWaitMs: wholeMs('maxWaitMs', maxWaitMs, 0),
    maxBatches: positive('maxBatches', maxBatches),
    handle: handle as never,
  })
  return defineHandler(channel, (message, context) => batcher.add({ message, context }), {
    ...handlerOptions,
    minConcurrency: maxMessages,
  })
}
