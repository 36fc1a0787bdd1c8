export interface StoredSenderOptions {
  /** Messages that may wait for an ack at once; one more is refused. Default 1,024. */
  readonly maxInFlight?: number
  /** One attempt, in milliseconds. Default 5,000. */
  readonly attemptTimeoutMs?: number
  /** All attempts of a message together, in milliseconds. Default 15,000: a leader election took 7.5 s. */
  readonly budgetMs?: number
}

/** What the broker said of a stored message, and whether it took more than one attempt to hear it. */
export interface StoredAck {
  readonly stream: string
  readonly seq: number
  readonly duplicate: boolean
  readonly attempts: number
}
