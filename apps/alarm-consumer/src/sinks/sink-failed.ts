/** What is known of a failure besides its text. */
export interface SinkFailure {
  /** The sink asked for this long, in milliseconds, as it said it. */
  readonly retryAfterMs?: number | undefined
  /** The sink is well, and has had enough for now. */
  readonly rateLimited?: boolean
}

/**
 * An alarm did not arrive, and a later attempt may help. Its text goes into logs and dead letters, so it is made of the
 * sink's name, statuses and codes alone: never of an address, and without the error that caused it, which may hold one.
 */
export class SinkFailed extends Error {
  override readonly name = 'SinkFailed'
  readonly retryAfterMs: number | undefined
  readonly rateLimited: boolean

  constructor(message: string, failure: SinkFailure = {}) {
    super(message)
    this.retryAfterMs = failure.retryAfterMs
    this.rateLimited = failure.rateLimited ?? false
  }
}
