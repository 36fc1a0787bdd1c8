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

/** What the broker answered; an answer that cannot be read is an error like any other. */
export function readAck<Ack extends PubAck = PubAck>(message: Msg): Ack | PubAck {
  try {
    return message.json<Ack>()
  } catch {
    return { error: { description: 'the answer is not JSON' } }
  }
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
