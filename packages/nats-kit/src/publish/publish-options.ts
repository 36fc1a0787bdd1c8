import { checkedTimeoutMs } from '../checked-options.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { freshMessageId } from './message-id.ts'
import type { PublishOptions } from './publisher.ts'

const MAX_ID_CHARACTERS = 128
/** The server reads the TTL as a duration; 68 years of seconds fit it with room to spare. */
const MAX_TTL_SECONDS = 2 ** 31 - 1

/** @throws KitError `invalid_message_id`. */
export function messageIdOf(options: PublishOptions | undefined): string {
  const id = options?.id
  if (id === undefined) return freshMessageId()
  if (typeof id !== 'string' || id.length === 0 || id.length > MAX_ID_CHARACTERS || /[\u0000-\u001f\u007f]/.test(id)) {
    throw new KitError(
      KitErrorCode.InvalidMessageId,
      `a message id has 1 to ${MAX_ID_CHARACTERS} characters and no control characters`,
    )
  }
  if (id.trim() !== id) {
    throw new KitError(
      KitErrorCode.InvalidMessageId,
      'a message id has no blanks around it: the broker would drop them',
    )
  }
  return id
}

/** @throws KitError `invalid_ttl`: the broker counts whole seconds, 1 at least. */
export function checkedTtlSeconds(options: PublishOptions | undefined): number | undefined {
  const ttlSeconds = options?.ttlSeconds
  if (ttlSeconds === undefined) return undefined
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > MAX_TTL_SECONDS) {
    throw new KitError(
      KitErrorCode.InvalidTtl,
      `ttlSeconds must be a whole number of seconds from 1 to ${MAX_TTL_SECONDS}, not ${ttlSeconds}`,
    )
  }
  return ttlSeconds
}

/**
 * What a call has for all its attempts: the publisher's own budget, or the caller's `timeoutMs` where that is shorter.
 *
 * @throws KitError `invalid_options`.
 */
export function budgetOf(options: Pick<PublishOptions, 'timeoutMs'> | undefined, budgetMs: number): number {
  const timeoutMs = options?.timeoutMs
  return timeoutMs === undefined ? budgetMs : Math.min(checkedTimeoutMs(timeoutMs), budgetMs)
}
