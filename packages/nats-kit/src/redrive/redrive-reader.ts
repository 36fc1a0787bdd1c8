import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidMessage, type MessageIssue } from '@alarm-bus/contracts'
import type { Connection } from '../connection/connection.ts'
import { errorText } from '../errors.ts'
import type { StoredSender } from '../publish/stored-sender.ts'
import { redriveConsumerName, redriveFilter, redriveStreamName } from '../streams/companion-streams.ts'
import type { ConsumerSpec } from '../consumers/consumer-spec.ts'
import { DeadLetterReason, storeDeadLetter } from '../dead-letters/dead-letter.ts'
import type { Delivery } from '../handling/delivery.ts'
import type { SubscriberSettings } from '../consumers/options.ts'
import { DeadLetter, UpcastFailed } from '../handling/verdicts.ts'
import { RedrivenContext } from './redriven-context.ts'

/** Between two attempts to store a dead letter that the broker does not take. */
const DEAD_LETTER_RETRY_MS = 1_000

/** Why a redriven message becomes a dead letter again. */
interface Failure {
  readonly reason: DeadLetterReason
  readonly error: string
  readonly issues: readonly MessageIssue[]
}

/** One at a time, beside what the handler's own consumer brings; by pulling, however the app consumes else. */
export function redriveSettings(settings: SubscriberSettings): SubscriberSettings {
  return { ...settings, mode: 'pull', concurrency: 1 }
}

/**
 * The consumer beside a consumer that reads what was redriven to it: the same handler, check and retries. What fails
 * again becomes a dead letter of the original again, with its count of redrives.
 *
 * The server counts no deliveries here, this reader does: a message whose last delivery nobody answered comes once more
 * and is kept without running the handler. Its stream, unlike the main one, has one reader a message, so nobody could
 * fetch it on the word of an advisory.
 */
export function redriveReaderOf(connection: Connection, sender: StoredSender, watched: ConsumerSpec): ConsumerSpec {
  return {
    stream: redriveStreamName(watched.stream),
    workQueue: true,
    name: redriveConsumerName(watched.name),
    channel: watched.channel,
    filterSubject: redriveFilter(watched.stream, watched.name),
    maxDeliver: Number.POSITIVE_INFINITY,
    retry: watched.retry,
    // Checked below: a message that does not pass is a failure like any other.
    decode: (bytes) => bytes,
    handle: async (bytes: Uint8Array, delivery) => {
      const context = new RedrivenContext(delivery as Delivery, watched)
      const failure = await attempt(watched, bytes, context)
      if (failure) await keep(connection, sender, bytes, context, failure)
    },
  }
}

/** Undefined when the message was handled. Throws what the handler threw when the message is to come again. */
async function attempt(
  watched: ConsumerSpec,
  bytes: Uint8Array,
  context: RedrivenContext,
): Promise<Failure | undefined> {
  const { deliveryCount, signal } = context
  if (deliveryCount > watched.maxDeliver) {
    const error = `no answer to ${deliveryCount - 1} deliveries: the process died, or the handler hung`
    return { reason: DeadLetterReason.NeverSettled, error, issues: [] }
  }
  const decoded = watched.decode(bytes)
  if (decoded instanceof InvalidMessage) {
    const error = decoded.issues.map((issue) => `${issue.path || '/'}: ${issue.message}`).join('; ')
    return { reason: DeadLetterReason.InvalidMessage, error, issues: decoded.issues }
  }
  try {
    await orAborted(watched.handle(decoded as never, context), signal)
    return undefined
  } catch (error) {
    if (error instanceof UpcastFailed)
      return { reason: DeadLetterReason.UpcastFailed, error: errorText(error), issues: error.issues }
    if (error instanceof DeadLetter)
      return { reason: DeadLetterReason.HandlerGaveUp, error: errorText(error), issues: [] }
    // Told to stop, by shutdown or for its time: what the last delivery would have come to is not known.
    if (deliveryCount < watched.maxDeliver || signal.aborted) throw error
    return { reason: DeadLetterReason.DeliveriesExhausted, error: errorText(error), issues: [] }
  }
}

/** A handler that hangs must not hold the one place there is: what was redriven after it would wait for ever. */
async function orAborted(running: Promise<void> | void, signal: AbortSignal): Promise<void> {
  let onAbort = (): void => undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new Error('the handler was told to stop and went on'))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort)
  })
  try {
    await Promise.race([running, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Stores the letter for as long as it takes: the message is acknowledged after it, and kept alive meanwhile. */
async function keep(
  connection: Connection,
  sender: StoredSender,
  data: Uint8Array,
  context: RedrivenContext,
  failure: Failure,
): Promise<void> {
  const { channel, subject, stream, seq, consumer, deliveryCount, headers, signal } = context
  for (;;) {
    try {
      return await storeDeadLetter(connection, sender, {
        ...failure,
        channel,
        subject,
        stream,
        seq,
        // The copy's own time: the letter that it was made of may still be there.
        storedNanos: context.copyStoredNanos,
        consumer,
        deliveryCount,
        original: { data, headers },
      })
    } catch (error) {
      connection.logger.error(
        { event: 'deadLetterNotStored', stream, seq, consumer, reason: failure.reason, error: errorText(error) },
        'dead letter of a redriven message cannot be stored; the message is held until it can',
      )
      if (signal.aborted) throw error
      await sleep(DEAD_LETTER_RETRY_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}
