import { PermissionViolationError } from '@nats-io/transport-node'
import { errorText, KitError, KitErrorCode } from '../errors.ts'

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

/** The message never left: the connection was not up, or the broker refused the inbox. */
export function notSent(subject: string, why: string): KitError {
  return new KitError(
    KitErrorCode.BrokerUnavailable,
    `not sent on ${subject} after ${why}; nothing was stored, so try again later`,
  )
}

/** What the client threw when it was given the message. */
export function publishError(subject: string, error: unknown): KitError {
  if (error instanceof PermissionViolationError) return notPermitted(subject, error)
  return /max_payload/.test(errorText(error)) ? payloadTooLarge(subject, error) : KitError.from(error)
}
