import { errorText, KitError, KitErrorCode } from '../errors.ts'

/** An administration request that got no answer: lacking permission, or no JetStream behind the connection. */
export function unanswered(what: string, error: unknown): KitError {
  const text = errorText(error)
  const denied = /permissions violation/i.test(text)
  return new KitError(
    denied ? KitErrorCode.PermissionDenied : KitErrorCode.BrokerUnavailable,
    denied ? `${what}: this app's user may not (${text})` : `${what}: ${text}`,
    { cause: error },
  )
}
