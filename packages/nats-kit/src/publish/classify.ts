import type { Msg } from '@nats-io/transport-node'
import { KitError, KitErrorCode } from '../errors.ts'

/** The broker's ack of a publish, as JSON. */
export interface PubAck {
  readonly stream?: string
  readonly seq?: number
  readonly duplicate?: boolean
  /** The id of the batch that was stored, or ended. */
  readonly batch?: string
  /** How many messages of the batch. */
  readonly count?: number
  readonly error?: { readonly code?: number; readonly err_code?: number; readonly description?: string }
}

/** What the broker answered; an answer that cannot be read is an error like any other. */
export function readAck<Ack extends PubAck = PubAck>(message: Msg): Ack | PubAck {
  try {
    return message.json<Ack>()
  } catch {
    return { error: { description: 'the answer is not JSON' } }
  }
}

/** An earlier attempt of the same id is being stored. */
const DUPLICATE_IN_PROCESS = 10158

/**
 * Whether another attempt with the same id can succeed. The server says 503 for what passes by itself: no leader
 * (10008), too few resources (10023), a stream that is full and discards the new (10077); 429 when it is asked too much.
 */
export function isWorthRetrying(error: NonNullable<PubAck['error']>): boolean {
  return error.code === 503 || error.code === 429 || error.err_code === DUPLICATE_IN_PROCESS
}

/** The message exceeds the stream's or the server's size. */
const TOO_LARGE = new Set([10054])
/** The stream does not allow per-message TTL, or the TTL cannot be read. */
const BAD_TTL = new Set([10165, 10166])

/** The stream allows no atomic batches, or no fast ingest. */
const BATCHES_DISABLED = new Set([10174, 10205])
/** The batch has more messages than this server's operator allows. */
const BATCH_TOO_LONG = new Set([10199])
/** As many batches as the server allows are under way; nothing of this one was stored. */
export const TOO_MANY_BATCHES = 10210
const TOO_MANY_INGESTS = 10211
/** The batch holds an id that is stored already; nothing of it was stored. */
export const BATCH_HAS_KNOWN_ID = 10201

const CODES: readonly (readonly [ReadonlySet<number>, KitErrorCode])[] = [
  [TOO_LARGE, KitErrorCode.MessageTooLarge],
  [BAD_TTL, KitErrorCode.InvalidTtl],
  [BATCHES_DISABLED, KitErrorCode.BatchesDisabled],
  [BATCH_TOO_LONG, KitErrorCode.InvalidBatch],
  [new Set([TOO_MANY_BATCHES, TOO_MANY_INGESTS]), KitErrorCode.TooManyBatches],
]

/** The final error of a publish that the broker answered with `error`. */
export function rejection(subject: string, error: NonNullable<PubAck['error']>): KitError {
  const brokerCode = error.err_code ?? 0
  const code = CODES.find(([codes]) => codes.has(brokerCode))?.[1] ?? KitErrorCode.PublishRejected
  return new KitError(
    code,
    `the broker refused the message on ${subject}: ${error.description ?? 'no reason given'} (${brokerCode})`,
    {
      brokerCode,
    },
  )
}
