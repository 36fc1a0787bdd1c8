import { KitError, KitErrorCode } from '@alarm-bus/nats-kit'
import { badRequest, Problem, type ProblemIssue, type ProblemOptions, unexpectedProblem } from '@alarm-bus/service'
import { inShort, MAX_ISSUES } from './validate.ts'

/** The kit tries to reconnect every 2 to 2.5 s. */
const BROKER_RETRY_AFTER_SECONDS = 3
/** Acks come within milliseconds, so room comes soon. */
const FULL_RETRY_AFTER_SECONDS = 1
/** There is room when something was delivered or taken back. */
const SCHEDULES_RETRY_AFTER_SECONDS = 60

type Known = Omit<ProblemOptions, 'detail' | 'cause'>

const UNAVAILABLE: Known = {
  status: 503,
  slug: 'broker-unavailable',
  title: 'The message could not be stored',
  retryAfterSeconds: BROKER_RETRY_AFTER_SECONDS,
}
const REFUSED: Known = { status: 502, slug: 'broker-refused', title: 'The broker refused the message' }

/** Which failures of the kit are whose: 4xx the caller's, 503 worth another try, 502 the broker's set-up. */
const BY_KIT_CODE: Readonly<Partial<Record<KitErrorCode, Known>>> = {
  [KitErrorCode.MessageTooLarge]: { status: 413, slug: 'message-too-large', title: 'The message is too large' },
  [KitErrorCode.TooManyInFlight]: {
    status: 503,
    slug: 'too-many-in-flight',
    title: 'Too many messages wait for the broker',
    retryAfterSeconds: FULL_RETRY_AFTER_SECONDS,
  },
  [KitErrorCode.SchedulesFull]: {
    status: 503,
    slug: 'schedules-full',
    title: 'Too many messages wait for their time',
    retryAfterSeconds: SCHEDULES_RETRY_AFTER_SECONDS,
  },
  [KitErrorCode.BrokerUnavailable]: UNAVAILABLE,
  [KitErrorCode.Closed]: UNAVAILABLE,
  [KitErrorCode.PermissionDenied]: REFUSED,
  [KitErrorCode.PublishRejected]: REFUSED,
}

/** Anything thrown, as a problem. What nobody foresaw says nothing of the inside. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof KitError) return kitProblem(error)
  if ((error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') return callerGone(error)
  const { statusCode, code } = error as { readonly statusCode?: unknown; readonly code?: unknown }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return httpProblem(statusCode, String(code), error as Error)
  return unexpectedProblem(error)
}

function kitProblem(error: KitError): Problem {
  switch (error.code) {
    case KitErrorCode.InvalidMessage:
      return invalidMessage(error)
    // Not the kit's words: a client knows its key, and not the message id that is made of it.
    case KitErrorCode.ScheduleExists:
    case KitErrorCode.IdempotencyConflict:
      return new Problem({
        status: 422,
        slug: 'idempotency-conflict',
        title: 'The idempotency key was used for another message',
        detail: 'use a new key, or send the same message again',
        cause: error,
      })
    case KitErrorCode.InvalidTtl:
      return badRequest(
        error.message,
        [{ in: 'query', path: '/ttlSeconds', code: error.code, message: error.message }],
        error,
      )
    case KitErrorCode.ScheduleInPast:
    case KitErrorCode.InvalidSchedule:
      return badRequest(
        error.message,
        [{ in: 'query', path: '/deliverAt', code: error.code, message: error.message }],
        error,
      )
    case KitErrorCode.InvalidMessageId:
      return badRequest(
        error.message,
        [{ in: 'header', path: '/idempotency-key', code: error.code, message: error.message }],
        error,
      )
    default: {
      const known = BY_KIT_CODE[error.code]
      return known ? new Problem({ ...known, detail: error.message, cause: error }) : unexpectedProblem(error)
    }
  }
}

/** No client hears this: the connection ended before the answer had begun. */
function callerGone(cause: unknown): Problem {
  const detail = 'the connection was closed before the answer'
  return new Problem({ status: 400, slug: 'caller-gone', title: 'The client disconnected', detail, cause })
}

function invalidMessage(error: KitError): Problem {
  const issues = error.issues.map((issue): ProblemIssue => ({ in: 'body', ...issue }))
  return badRequest(`the message does not fit the channel: ${inShort(issues)}`, issues.slice(0, MAX_ISSUES), error)
}

/** What Fastify refuses before a route sees it. */
function httpProblem(status: number, code: string, error: Error): Problem {
  switch (status) {
    case 415:
      return new Problem({
        status,
        slug: 'unsupported-media-type',
        title: 'The content type is not supported',
        detail: 'send application/json; a batch may be application/x-ndjson too',
        cause: error,
      })
    case 400: {
      if (!code.startsWith('FST_ERR_CTP_')) break
      const issue: ProblemIssue = { in: 'body', path: '', code: code.toLowerCase(), message: error.message }
      return badRequest(error.message, [issue], error)
    }
  }
  return new Problem({
    status,
    slug: 'bad-request',
    title: 'Bad request',
    detail: error.message.slice(0, 256),
    cause: error,
  })
}
