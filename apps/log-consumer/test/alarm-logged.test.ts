import { RequestFailed } from '@alarm-bus/nats-kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../src/database/database.ts'
import { alarmLoggedResponder } from '../src/responders/alarm-logged.ts'
import { StoreUnavailable } from '../src/store/store-unavailable.ts'
import { KINDS, startDatabases, type TestDatabases } from './support/databases.ts'
import { never, openStore, record } from './support/records.ts'

let databases: TestDatabases
beforeAll(async () => {
  databases = await startDatabases()
})
afterAll(() => databases[Symbol.asyncDispose]())

const context = {
  ...never,
  error: (code: string, detail: unknown) => new RequestFailed(code, detail),
} as never

async function ask(database: () => Database, channel: string, id: string): Promise<unknown> {
  try {
    return await alarmLoggedResponder(database).handle({ channel, id } as never, context)
  } catch (error) {
    return error instanceof RequestFailed ? error.code : error
  }
}

describe.each(KINDS)('%s', (kind) => {
  test('says where an alarm is stored, by its channel and id, the latest of one id', async () => {
    const made = await databases.make(kind)
    const store = await openStore(made)
    const [at, later] = [new Date(1_800_000_000_123), new Date(1_800_000_500_456)]
    await store.save(record(7, { channel: 'alarm-to-bot', id: 'a', storedAt: at }), never)
    await store.save(record(9, { channel: 'alarm-to-bot', id: 'b\0', storedAt: at }), never)
    await store.save(record(11, { channel: 'alarm-to-bot', id: 'a', storedAt: later }), never)
    const stored = (seq: number, storedAt: Date) => ({ stream: 'S', seq, storedAtMs: storedAt.getTime() })
    expect(await ask(store.database, 'alarm-to-bot', 'a')).toEqual(stored(11, later))
    expect(await ask(store.database, 'alarm-to-bot', 'b\0')).toEqual(stored(9, at))
    expect(await ask(store.database, 'alarm-to-log', 'a')).toBe('unknown_message')
    expect(await ask(store.database, 'alarm-to-bot', "a' or '1'='1")).toBe('unknown_message')
    await store.close()
  })
})

test('a database that is away is not an unknown alarm', async () => {
  const away = () => {
    throw new StoreUnavailable('no connection')
  }
  expect(await ask(away, 'alarm-to-bot', 'a')).toBe('store_unavailable')
})
