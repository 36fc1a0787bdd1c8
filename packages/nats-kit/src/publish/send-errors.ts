import { PermissionViolationError } from '@nats-io/transport-node'
import { KitError, KitErrorCode } from '../errors.ts'

/** A bound or a time that is none is refused before anything is sent. @throws KitError `invalid_options`. */
export function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new KitError(KitErrorCode.InvalidOptions, `${name} must be a whole number from 1, not ${value}`)
}

export function closedError(): KitError {
  return new KitError(KitErrorCode.Closed, 'the publisher is closed; nothing was sent')
}

export function connectionClosedError(): KitError {
  return new KitError(KitErrorCode.Closed, 'the connection is closed for good; nothing was sent')
}

export function tooManyInFlight(maxInFlight: number): KitError {
  return new KitError(
    KitErrorCode.TooManyInFlight,
    `${maxInFlight} messages wait for the broker's ack already; try again later`,
  )
}

export function notPermitted(subject: string, cause?: unknown): KitError {
  return new KitError(KitErrorCode.PermissionDenied, `this app's user may not publish on ${subject}`, { cause })
}

export function payloadTooLarge(subject: string, cause?: unknown): KitError {
  return new KitError(
    KitErrorCode.MessageTooLarge,
    `the message on ${subject} is larger than the broker's max_payload`,
    { cause },
  )
}

/** No ack in time, or none any more: nobody knows whether the message arrived, so the same id has to be used again. */
export function notAcknowledged(subject: string, why: string): KitError {
  return new KitError(
    KitErrorCode.BrokerUnavailable,
    `not acknowledged on ${subject}: ${why}; it may have been stored, so try again with the same id`,
  )
}

/** What the client threw when it was given the message. */
export function publishError(subject: string, error: unknown): KitError {
  if (error instanceof PermissionViolationError) return notPermitted(subject, error)
  const text = error instanceof Error ? error.message : String(error)
  return /max_payload/.test(text) ? payloadTooLarge(subject, error) : KitError.from(error)
}
