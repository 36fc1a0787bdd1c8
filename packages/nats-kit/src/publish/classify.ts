import type { Msg } from '@nats-io/transport-node'
import { KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode, type JetStreamFailure } from '../jetstream-codes.ts'

/** The broker's ack of a publish, as JSON. */
export interface PubAck {
  readonly stream?: string
  readonly seq?: number
  readonly duplicate?: boolean
  /** The id of the batch that was stored, or ended. */
  readonly batch?: string
  /** How many messages of the batch. */
  readonly count?: number
  readonly error?: JetStreamFailure
}

/**
 * What the broker answered; undefined for what is no answer of its: whoever else hears a subject may answer there as well.
 * Without an error it is an ack only where `isStored`.
 */
export function readAck<Ack extends PubAck = PubAck>(message: Msg): Ack | undefined {
  try {
    const answer = message.json<Ack | null>()
    if (typeof answer !== 'object' || answer === null) return undefined
    const { error } = answer as { readonly error?: unknown }
    return error === undefined || (typeof error === 'object' && error !== null) ? answer : undefined
  } catch {
    return undefined
  }
}

/** Whether a stream says that it holds the message. */
export function isStored({ stream, seq }: PubAck): boolean {
  return typeof stream === 'string' && stream !== '' && Number.isSafeInteger(seq) && (seq as number) > 0
}

/** Why an answer counts for nothing. */
export function answeredByAnother(subject: string): string {
  return `what answers on ${subject} is not a stream`
}

const KIT_CODES: ReadonlyMap<number, KitErrorCode> = new Map([
  [JetStreamCode.MessageTooLarge, KitErrorCode.MessageTooLarge],
  [JetStreamCode.HeaderTooLarge, KitErrorCode.MessageTooLarge],
  [JetStreamCode.TtlInvalid, KitErrorCode.InvalidTtl],
  [JetStreamCode.TtlDisabled, KitErrorCode.InvalidTtl],
  [JetStreamCode.AtomicBatchDisabled, KitErrorCode.BatchesDisabled],
  [JetStreamCode.IngestDisabled, KitErrorCode.BatchesDisabled],
  [JetStreamCode.BatchTooLong, KitErrorCode.InvalidBatch],
  [JetStreamCode.TooManyBatches, KitErrorCode.TooManyBatches],
  [JetStreamCode.TooManyIngests, KitErrorCode.TooManyBatches],
] as const)

/** The final error of a publish that the broker answered with `error`. */
export function rejection(subject: string, error: JetStreamFailure): KitError {
  const brokerCode = error.err_code ?? 0
  return new KitError(
    KIT_CODES.get(brokerCode) ?? KitErrorCode.PublishRejected,
    `the broker refused the message on ${subject}: ${error.description ?? 'no reason given'} (${brokerCode})`,
    { brokerCode },
  )
}
