import type { RequestContract, RequestOf, ResponseInputOf } from '@alarm-bus/contracts'
import type { Logger } from '../logger.ts'
import type { MessageContext } from '../handling/handler.ts'
import type { LateOnceStore } from '../once/late-once-store.ts'
import type { OnceStore } from '../once/once-store.ts'
import type { MakeError } from './remote-error.ts'

/** What is known of a stored request as a message. */
export interface StoredContext extends Pick<MessageContext, 'stream' | 'seq' | 'storedAt' | 'deliveryCount'> {
  /** The caller's, unique among those of its app. */
  readonly id: string
  /** The app that asks, as the broker holds it to. */
  readonly asker: string
}

/** What is known of a request besides its input. */
export interface RequestContext<R extends RequestContract = RequestContract> {
  readonly request: string
  /** Aborts when the caller waits no longer, and when shutdown has run out of time. */
  readonly signal: AbortSignal
  /** Milliseconds that the caller still waits; 0 or less when it no longer does. */
  readonly remainingMs: number
  /** Undefined for a request that is not stored. */
  readonly stored: StoredContext | undefined
  readonly logger: Logger
  /** The first value of a header, undefined where there is none. */
  header(name: string): string | undefined
  /** `throw context.error('unknown_sink', { … })` answers with an error that the request declares. */
  readonly error: MakeError<R>
}

export interface ResponderOptions {
  /** Requests that are handled at once in this instance. Default 64. Not of a stored request, of which it is 16. */
  readonly concurrency?: number
  /** Requests that wait for a place, each until its deadline; one more is answered `overloaded` at once. Default 256. */
  readonly maxWaiting?: number
  /** Of a stored request: no two deliveries of one message run its handler at the same time; see `onceOnly`. */
  readonly once?: OnceStore | LateOnceStore
}

/**
 * Answers one request. The instances of an app share the requests between them.
 *
 * - The input is checked before the handler sees it; what does not fit is answered `invalid_request`.
 * - Returns or resolves: the response, checked and sent. One that does not fit is answered `internal`, and logged.
 * - Throws `context.error(…)`: that error is answered. Throws anything else: `internal`, without its text, which is logged.
 * - A request whose caller waits no longer is not begun, and nothing is sent for one that ends later.
 * - At most once: nothing is retried. A caller that had no answer does not know whether the handler ran.
 *
 * A stored request is a message, and its handler is called as a message's is, with the differences:
 *
 * - At least once until its deadline: what the handler throws and is no `context.error(…)`, and a response that does not
 *   fit, is a failure. It is retried, and becomes a dead letter; the caller has no answer then, until it is redriven.
 * - Handled means that the answer is stored. An id has one answer, the first; a request that has it is not handled again.
 * - A handler that ends after the deadline still answers: the caller may ask for it by its id.
 */
export interface Responder<R extends RequestContract = RequestContract> extends ResponderOptions {
  readonly request: R
  handle(input: RequestOf<R>, context: RequestContext<R>): Promise<ResponseInputOf<R>> | ResponseInputOf<R>
}

/** The same, as something that nobody changes: so a handler may return literals and lists as they are written. */
type Frozen<T> = T extends object ? { readonly [Key in keyof T]: Frozen<T[Key]> } : T

/** A responder with its types inferred from the request, as a bus takes it. */
export function defineResponder<R extends RequestContract, const Response extends Frozen<ResponseInputOf<R>>>(
  request: R,
  handle: (input: RequestOf<R>, context: RequestContext<R>) => Promise<Response> | Response,
  options: ResponderOptions = {},
): Responder {
  return { ...options, request, handle: handle as unknown as Responder['handle'] }
}
