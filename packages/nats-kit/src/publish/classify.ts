import { KitError, KitErrorCode } from '../errors.ts'

/** The broker's ack of a publish, as JSON. */
export interface PubAck {
  readonly stream?: string
  readonly seq?: number
  readonly duplicate?: boolean
  readonly error?: { readonly code?: number; readonly err_code?: number; readonly description?: string }
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

/** The final error of a publish that the broker answered with `error`. */
export function rejection(subject: string, error: NonNullable<PubAck['error']>): KitError {
  const brokerCode = error.err_code ?? 0
  const code = TOO_LARGE.has(brokerCode)
    ? KitErrorCode.MessageTooLarge
    : BAD_TTL.has(brokerCode)
      ? KitErrorCode.InvalidTtl
      : KitErrorCode.PublishRejected
  return new KitError(code, `the broker refused the message on ${subject}: ${error.description ?? 'no reason given'} (${brokerCode})`, {
    brokerCode,
  })
}
