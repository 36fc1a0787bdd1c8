import { type CheckedMessage, checkReceived } from './check-message.ts'
import { ContractError } from './contract-error.ts'
import type { Channel } from './define-channel.ts'

/**
 * A valid message of an older version as one of `latest`, through each version between. What an upcast makes is checked
 * like a received message; one that throws is an issue `upcast_failed`.
 *
 * @throws ContractError when `from` is not a version of `latest`.
 */
export function upcastMessage<C extends Channel>(latest: C, from: Channel, message: unknown): CheckedMessage<C> {
  // What comes in was checked already.
  if (latest === from) return { ok: true, message: message as never }
  const { previous } = latest
  if (!previous) {
    throw new ContractError(`channel ${JSON.stringify(from.name)} is not a version of ${JSON.stringify(latest.name)}`)
  }
  const older = upcastMessage(previous.channel, from, message)
  if (!older.ok) return older
  let made: unknown
  try {
    made = previous.upcast(older.message as never)
  } catch (error) {
    return failed(`the upcast to ${latest.name} threw: ${error instanceof Error ? error.message : String(error)}`)
  }
  // To a schema without required fields a promise looks like a message.
  if (made instanceof Promise) {
    made.catch(() => undefined)
    return failed(`the upcast to ${latest.name} returned a promise; it has to be synchronous`)
  }
  return checkReceived(latest, made)
}

function failed(message: string): {
  readonly ok: false
  readonly issues: readonly [{ path: ''; code: string; message: string }]
} {
  return { ok: false, issues: [{ path: '', code: 'upcast_failed', message }] }
}
