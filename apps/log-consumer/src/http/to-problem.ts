import { Problem, unexpectedProblem } from '@alarm-bus/service'
import { StoreUnavailable } from '../store/store-unavailable.ts'

/** The store looks for its database at least that often. */
const STORE_RETRY_AFTER_SECONDS = 5

/** Anything thrown, as a problem. An unexpected error tells nothing of the inside. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof StoreUnavailable) {
    return new Problem({
      status: 503,
      slug: 'store-unavailable',
      title: 'The log store is unavailable',
      detail: 'the database does not answer; try again after Retry-After',
      retryAfterSeconds: STORE_RETRY_AFTER_SECONDS,
      cause: error,
    })
  }
  const { statusCode, message } = error as { readonly statusCode?: unknown; readonly message?: unknown }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new Problem({
      status: statusCode,
      slug: 'bad-request',
      title: 'Bad request',
      detail: String(message).slice(0, 256),
      cause: error,
    })
  }
  return unexpectedProblem(error)
}
