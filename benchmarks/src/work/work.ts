/** What a contender is told before it starts: where the brokers are, and what the messages look like. */
export interface Work {
  /** The broker that leads the stream, so that no contender pays for a detour. */
  readonly url: string
  /** Not given: as whoever the broker takes without. */
  readonly auth?: { readonly user: string; readonly password: string }
  /** Processes whose processor time counts as the broker's. */
  readonly brokerPids: readonly number[]
  /** Names the stream and its subject. Contenders that only publish or only read share one; others have their own. */
  readonly key: string
  /** Bytes of one message as JSON. */
  readonly payloadBytes: number
  /** Messages that wait for their ack at once, where a round publishes. */
  readonly inFlight: number
  /** Messages with handlers at once, where a round consumes. */
  readonly bound: number
  readonly mode: 'pull' | 'push'
  /** Whether a contender that has no check of its own makes one with the same schema. The kit always checks. */
  readonly check: 'none' | 'consumed' | 'both-ends'
}
