import { KitError, KitErrorCode } from '@alarm-bus/nats-kit'
import { Problem, unexpectedProblem } from '@alarm-bus/service'

/** The kit tries to reconnect every 2 to 2.5 s. */
const RETRY_AFTER_SECONDS = 3

/** Anything thrown, as a problem. What nobody foresaw says nothing of the inside. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof KitError) return kitProblem(error)
  const { statusCode, message } = error as { readonly statusCode?: unknown; readonly message?: unknown }
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return unexpectedProblem(error)
  if (statusCode === 429) {
    return new Problem({
      status: 429,
      slug: 'too-many-requests',
      title: 'Too many requests',
      detail: 'wait a moment, then try again',
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    })
  }
  return new Problem({
    status: statusCode,
    slug: 'bad-request',
    title: 'The request cannot be handled',
    detail: String(message).slice(0, 256),
    cause: error,
  })
}

function kitProblem(error: KitError): Problem {
  const detail = error.message
  switch (error.code) {
    case KitErrorCode.PermissionDenied:
      return new Problem({
        status: 502,
        slug: 'broker-refused',
        title: 'The broker does not allow it',
        detail: `${detail}; the broker’s files may be of an older release: pnpm ops permissions, then reload it`,
        cause: error,
      })
    case KitErrorCode.StreamMissing:
      return new Problem({
        status: 404,
        slug: 'no-such-stream',
        title: 'There is no such stream',
        detail: `${detail}; pnpm ops apply creates what is declared`,
        cause: error,
      })
    default:
      return new Problem({
        status: 503,
        slug: 'broker-unavailable',
        title: 'The broker does not answer now',
        detail,
        retryAfterSeconds: RETRY_AFTER_SECONDS,
        cause: error,
      })
  }
}

export function notFound(slug: string, title: string, detail: string): Problem {
  return new Problem({ status: 404, slug, title, detail })
}
