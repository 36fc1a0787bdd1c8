import { alarmLogged } from '@alarm-bus/contracts'
import { defineResponder, type Responder } from '@alarm-bus/nats-kit'
import type { Database } from '../database/database.ts'
import { findById } from '../query/find-by-id.ts'
import { StoreUnavailable } from '../store/store-unavailable.ts'

/** Answers whether an alarm is written down. A database that is away is told as that, and not as an unknown alarm. */
export function alarmLoggedResponder(database: () => Database): Responder {
  return defineResponder(alarmLogged, async ({ channel, id }, context) => {
    const found = await find(database, channel, id, context.signal).catch((error: unknown) => {
      throw error instanceof StoreUnavailable ? context.error('store_unavailable', {}) : error
    })
    if (!found) throw context.error('unknown_message', {})
    return { stream: found.stream, seq: found.seq, storedAtMs: found.stored_at_ms }
  })
}

async function find(
  database: () => Database,
  ...asked: [channel: string, id: string, signal: AbortSignal]
): ReturnType<typeof findById> {
  return findById(database(), ...asked)
}
