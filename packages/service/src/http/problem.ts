/** One thing that is wrong with a request. */
export interface ProblemIssue {
  /** Which part of the request. */
  readonly in: 'body' | 'query' | 'header'
  /** A JSON pointer into that part: `/message`, `/ttlSeconds`; `''` for the part itself. */
  readonly path: string
  readonly code: string
  readonly message: string
}

export interface ProblemOptions {
  readonly status: number
  /** For clients to decide by: the last part of `type`. It never changes once it is out. */
  readonly slug: string
  /** The same for every problem of the type. */
  readonly title: string
  /** What happened this time, for people. */
  readonly detail: string
  /** Seconds after which another try makes sense. */
  readonly retryAfterSeconds?: number
  /** Further members of the body. */
  readonly extensions?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

export const PROBLEM_CONTENT_TYPE = 'application/problem+json'

/** A failure as RFC 9457 describes it. Thrown by routes, sent by the error handler. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly slug: string
  readonly title: string
  readonly retryAfterSeconds: number | undefined
  readonly extensions: Readonly<Record<string, unknown>>

  constructor(options: ProblemOptions) {
    super(options.detail, options.cause === undefined ? undefined : { cause: options.cause })
    this.status = options.status
    this.slug = options.slug
    this.title = options.title
    this.retryAfterSeconds = options.retryAfterSeconds
    this.extensions = options.extensions ?? {}
  }

  /** The body; `requestId` makes the occurrence findable in the logs. */
  toBody(requestId: string): string {
    return JSON.stringify({
      type: `urn:alarm-bus:problem:${this.slug}`,
      title: this.title,
      status: this.status,
      detail: this.message,
      instance: `urn:alarm-bus:request:${requestId}`,
      ...this.extensions,
    })
  }
}

/** A 400 with everything that is wrong with the request at once. */
export function badRequest(detail: string, errors: readonly ProblemIssue[], cause?: unknown): Problem {
  return new Problem({
    status: 400,
    slug: 'invalid-request',
    title: 'The request is not valid',
    detail,
    extensions: { errors },
    cause,
  })
}

/** A 500 for an unexpected error; it tells nothing of the inside. */
export function unexpectedProblem(cause: unknown): Problem {
  return new Problem({
    status: 500,
    slug: 'unexpected',
    title: 'Something went wrong here',
    detail: 'the request failed for a reason that is in the log under the id of this request',
    cause,
  })
}
