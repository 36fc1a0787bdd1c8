import { KitError, KitErrorCode } from '../errors.ts'

/** The broker's ack of a publish, as JSON. */
export interface PubAck {
  readonly stream?: string
  readonly seq?: number
  readonly duplicate?: boolean
  readonly error?: { readonly code?: number; readonly err_code?: number; readonly description?: string }
}

/**
 * JetStream's codes that pass by themselves: 10008 system temporarily unavailable, 10023 insufficient resources,
 * 10077 the stream is full (discard new), 10158 an earlier attempt of the same id is being stored.
 */
const PASSING = new Set([10008, 10023, 10077, 10158])

/** Whether another attempt with the same id can succeed. */
export function isWorthRetrying(error: NonNullable<PubAck['error']>): boolean {
  return PASSING.has(error.err_code ?? 0) || error.code === 429 || error.code === 503
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
