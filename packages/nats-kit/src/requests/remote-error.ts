import type {
  ErrorCodeOf,
  ErrorDetailInputOf,
  ErrorDetailOf,
  RequestContract,
  ResponderError,
} from '@alarm-bus/contracts'
import { KitError, KitErrorCode } from '../errors.ts'

/** What a caller may be answered in place of a response: an error that the request declares, or one of the responder's own. */
export type RemoteErrorOf<R extends RequestContract> =
  | {
      readonly [Code in ErrorCodeOf<R>]: { readonly code: Code; readonly detail: ErrorDetailOf<R, Code> }
    }[ErrorCodeOf<R>]
  | { readonly code: ResponderError; readonly detail: undefined }

/** The error that the responder of this request answered with, typed; undefined for everything else that was thrown. */
export function remoteErrorOf<R extends RequestContract>(request: R, thrown: unknown): RemoteErrorOf<R> | undefined {
  if (!KitError.is(thrown, KitErrorCode.RemoteError) || requestOf.get(thrown) !== request) return undefined
  return thrown.remote as RemoteErrorOf<R> | undefined
}

/** Which request an error answers: a code alone may be declared by several. */
const requestOf = new WeakMap<KitError, RequestContract>()

export function remoteError(
  request: RequestContract,
  remote: NonNullable<KitError['remote']>,
  issues: KitError['issues'] = [],
): KitError {
  const error = new KitError(
    KitErrorCode.RemoteError,
    `request ${JSON.stringify(request.name)} was answered with error ${JSON.stringify(remote.code)}`,
    { remote, issues },
  )
  requestOf.set(error, request)
  return error
}

/** Thrown by a handler to answer with an error that the request declares; made by its context. */
export class RequestFailed extends Error {
  override readonly name = 'RequestFailed'
  readonly code: string
  readonly detail: unknown

  constructor(code: string, detail: unknown) {
    super(`answered with error ${JSON.stringify(code)}`)
    this.code = code
    this.detail = detail
  }
}

/** Makes the error to throw, its code and detail typed by the request. */
export type MakeError<R extends RequestContract> = <Code extends ErrorCodeOf<R>>(
  code: Code,
  detail: ErrorDetailInputOf<R, Code>,
) => RequestFailed
