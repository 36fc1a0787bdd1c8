import type { Logger } from '@alarm-bus/nats-kit'
import { createLogger } from '@alarm-bus/service'
import type { AlarmRecord } from '../../src/store/alarm-store.ts'
import { type LogStore, openLogStore } from '../../src/store/log-store.ts'
import type { Limits } from '../../src/store/retention.ts'
import type { TestDatabase } from './databases.ts'

export const DAY_MS = 86_400_000
export const unlimited: Limits = { maxAgeMs: 36_500 * DAY_MS, maxBytes: Number.MAX_SAFE_INTEGER }
const silent = createLogger({ app: 'test', version: '0.0.0', logLevel: 'fatal' })
/** The context of a delivery that nobody calls off. */
export const never = { signal: new AbortController().signal }

/** The time of the alarm with sequence 0; each later one came a millisecond later. */
export const FIRST_MS = Date.UTC(2026, 4, 1)

export function openStore(database: TestDatabase, limits = unlimited, logger: Logger = silent): Promise<LogStore> {
  return openLogStore({
    database: database.open(),
    logger,
    limits,
    maxQueued: 20_000,
  })
}

export function record(seq: number, changes: Partial<AlarmRecord> = {}): AlarmRecord {
  return {
    channel: 'alarm-to-log',
    message: `alarm ${seq}`,
    id: `id-${seq}`,
    requestId: undefined,
    stream: 'S',
    seq,
    storedAt: new Date(FIRST_MS + seq),
    deliveryCount: 1,
    ...changes,
  }
}
