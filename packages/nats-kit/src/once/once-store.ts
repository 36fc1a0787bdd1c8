/** One message for one consumer. The time tells messages of one sequence apart when a stream was recreated. */
export interface OnceKey {
  readonly stream: string
  readonly consumer: string
  readonly seq: number
  readonly storedAt: Date
}

/** The right to handle a message. Held until it is given up by one of the two, or its process dies. */
export interface OnceClaim {
  /** Handled: no claim on this message is given out again. Rejects when that cannot be recorded. */
  done(): Promise<void>
  /** Not handled: the next one may. */
  release(): Promise<void>
}

/** What a store remembers of a message. */
export interface OnceRecord {
  /** `running` as well after a process died, until its claim ends. */
  readonly state: 'running' | 'done'
  /** When that was written. */
  readonly at: Date
}

/**
 * Remembers which messages were handled.
 *
 * - One claim on a message at a time, over all that share the store.
 * - After `done()` every `claim()` of that message answers `done`, for as long as the store remembers.
 * - A claim whose process died ends by itself.
 */
export interface OnceStore {
  /**
   * @returns the claim, or that another delivery has it, or that the message was handled.
   * @throws KitError `broker_unavailable`, `permission_denied`, `publish_rejected`.
   */
  claim(key: OnceKey): Promise<OnceClaim | 'running' | 'done'>
  /**
   * What is recorded of a message, without claiming it; undefined where nothing is. Absent in a store that cannot tell.
   *
   * @throws KitError `broker_unavailable` when the store cannot be asked.
   */
  look?(key: OnceKey): Promise<OnceRecord | undefined>
  /** Waits for what is on its way. The store must not be used afterwards. */
  close(): Promise<void>
}
