export interface RequestCallOptions {
  /**
   * How long to wait for the answer, in milliseconds above 0, at most 60,000. Default: the request's own. Of a stored
   * request its deadline, from 1,000 to the request's own.
   */
  readonly timeoutMs?: number
  /**
   * The id of a stored request, 1 to 128 characters, by which its answer is asked for again. Default: a fresh UUID, which
   * nothing tells. Refused for others.
   */
  readonly id?: string
  /** Ends the wait, with `aborted`; the responder is not told, and a stored request stays where it is. */
  readonly signal?: AbortSignal
  /** Further headers; names of the broker's and the kit's are refused. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface AnswerOptions {
  /** How long to wait for the answer, in milliseconds above 0. Default: the request's own. */
  readonly timeoutMs?: number
  /** Ends the wait, with `aborted`. */
  readonly signal?: AbortSignal
}
