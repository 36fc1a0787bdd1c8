import type { Outcome } from './decide.ts'
import { RetryLater } from './handler-errors.ts'

/**
 * What a handler returned as a promise that calls back once, whatever it is: a lease is used again by the next message. A
 * native promise is taken as it is; what only looks like one, or has a `then` of its own, is wrapped.
 */
export function nativePromise(result: unknown): Promise<unknown> {
  if (isObject(result) && Object.getPrototypeOf(result) === Promise.prototype && !Object.hasOwn(result, 'then')) {
    return result as Promise<unknown>
  }
  return new Promise((resolve) => resolve(result))
}

/** Whether the delivery ended without a failure, and its message is handled again all the same. */
export function isUnrun(outcome: Outcome): boolean {
  return outcome.kind === 'not_run' || (outcome.kind === 'failed' && isRetryLater(outcome.error))
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Whatever was thrown: a proxy may throw where its prototype is asked for. */
function isRetryLater(error: unknown): boolean {
  try {
    return error instanceof RetryLater
  } catch {
    return false
  }
}
