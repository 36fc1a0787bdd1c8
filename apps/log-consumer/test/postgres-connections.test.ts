import { alarmToLog } from '@alarm-bus/contracts'
import { type NatsServer, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import type { AppProcess } from '@alarm-bus/service/testing'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startConsumer, startPublishing } from './stack.ts'
import { startDatabases, type TestDatabase, type TestDatabases } from './support/databases.ts'

let databases: TestDatabases
let broker: NatsServer
beforeAll(async () => {
  databases = await startDatabases()
  broker = await startTestBroker()
})
afterAll(async () => {
  await broker.stop()
  await databases[Symbol.asyncDispose]()
})

const OWN = `application_name = 'log-consumer' and datname = current_database()`
const terminateAll = (database: TestDatabase): Promise<unknown> =>
  database.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${OWN}`)
const backends = async (database: TestDatabase): Promise<readonly number[]> =>
  (await database.query<{ pid: number }>(`select pid from pg_stat_activity where ${OWN}`)).map(({ pid }) => pid)
const linesOf = (app: AppProcess, event: string) => app.lines.filter((line) => line['event'] === event)
const storedSeqs = async (database: TestDatabase): Promise<readonly number[]> =>
  (await database.query<{ seq: unknown }>('select seq from logs order by seq')).map(({ seq }) => Number(seq))

test('a connection that ends within a transaction, between two statements: the transaction rejects with the cause, nothing else happens', async () => {
  const database = await databases.make('postgres')
  const opened = database.open()
  const failing = opened.kysely.transaction().execute(async (transaction) => {
    await sql`select 1`.execute(transaction)
    await terminateAll(database)
    await waitFor(async () => (await backends(database)).length === 0, { what: 'its backend is gone' })
    await sql`select 2`.execute(transaction)
  })
  await expect(failing).rejects.toThrow(/terminat|not queryable/)
  // The next one gets another connection.
  await opened.kysely.transaction().execute((transaction) => sql`select 3`.execute(transaction))
  await opened.close()
})

test('what ended a transaction is said, and not that it could not be rolled back', async () => {
  const database = await databases.make('postgres')
  const opened = database.open()
  const failing = opened.kysely
    .transaction()
    .execute((transaction) => sql`select pg_terminate_backend(pg_backend_pid())`.execute(transaction))
  await expect(failing).rejects.toThrow('terminating connection due to administrator command')
  await opened.close()
})

test(
  'backends terminated again and again under writes: the process lives, everything is stored once at its first delivery',
  { timeout: 60_000 },
  async () => {
    const database = await databases.make('postgres')
    await using app = startConsumer(broker.url, database.environment)
    await app.line('ready')
    const publishing = await startPublishing(broker.url)
    const seqs: number[] = []
    let ended = false
    const publish = async (): Promise<void> => {
      while (!ended) {
        // Not more than is stored in a moment: how fast a busy machine stores is not asked here.
        await waitFor(() => ended || seqs.length - linesOf(app, 'logStored').length < 200, { deadlineMs: 40_000 })
        seqs.push((await publishing.publisher.publish(alarmToLog, { message: `alarm ${seqs.length}` })).seq)
      }
    }
    const publishers = [publish(), publish(), publish(), publish()]
    for (let round = 0; round < 15; round++) {
      const before = linesOf(app, 'logStored').length
      await waitFor(() => linesOf(app, 'logStored').length > before + 20, { what: 'it stores', deadlineMs: 20_000 })
      await terminateAll(database)
    }
    ended = true
    await Promise.all(publishers)
    const expected = seqs.toSorted((a, b) => a - b)
    await waitFor(async () => (await storedSeqs(database)).length >= expected.length, {
      what: 'all are stored',
      deadlineMs: 20_000,
    })
    expect(await storedSeqs(database)).toEqual(expected)
    expect(linesOf(app, 'uncaughtException')).toEqual([])
    expect(linesOf(app, 'retryScheduled')).toEqual([])
    app.signal('SIGTERM')
    expect(await app.exit()).toEqual({ code: 0, signal: null })
    await publishing.stop(5_000)
  },
)

/** Connections that are open become read-only; those that are opened from then on are not, as after a failover. */
async function becomeReadOnly(database: TestDatabase): Promise<AsyncDisposable> {
  const [{ name } = { name: '' }] = await database.query<{ name: string }>('select current_database() as name')
  await database.execute(`alter database ${name} set default_transaction_read_only = off`)
  // Counts for all that have no setting of their own.
  await database.execute('alter system set default_transaction_read_only = on')
  await database.execute('select pg_reload_conf()')
  return {
    async [Symbol.asyncDispose]() {
      await database.execute('alter system reset default_transaction_read_only')
      await database.execute('select pg_reload_conf()')
    },
  }
}

test('one connection to a read-only node is met, and none that was opened before is used again', async () => {
  const database = await databases.make('postgres')
  const opened = database.open()
  await database.execute('create table written (n int)')
  const write = () => sql`insert into written values (1)`.execute(opened.kysely)
  const together = Array.from({ length: 8 }, () => Promise.withResolvers<void>())
  await Promise.all(
    together.map(({ resolve }) =>
      opened.kysely.transaction().execute(async (transaction) => {
        await sql`select 1`.execute(transaction)
        resolve()
        await Promise.all(together.map(({ promise }) => promise))
      }),
    ),
  )
  expect(await backends(database)).toHaveLength(8)
  await using _ = await becomeReadOnly(database)
  // Until the server has read its settings again, it takes what comes.
  await waitFor(
    () =>
      write().then(
        () => false,
        () => true,
      ),
    { what: 'a write is refused' },
  )
  await write()
  await opened.close()
})

test(
  'the node becomes read-only, and new connections reach one that is not: renewed at once, stored, ready throughout but once',
  { timeout: 60_000 },
  async () => {
    const database = await databases.make('postgres')
    await using app = startConsumer(broker.url, database.environment)
    await app.line('ready')
    const publishing = await startPublishing(broker.url)
    const publish = async (count: number): Promise<void> => {
      await Promise.all(Array.from({ length: count }, () => publishing.publisher.publish(alarmToLog, { message: 'a' })))
    }
    await publish(20)
    await waitFor(() => linesOf(app, 'logStored').length === 20, { what: '20 are stored' })
    // Several connections are open.
    await Promise.all(Array.from({ length: 4 }, () => app.url().then((url) => fetch(`${url}/logs`))))
    const before = await backends(database)
    {
      await using _ = await becomeReadOnly(database)
      await publish(20)
      await waitFor(() => linesOf(app, 'logStored').length === 40, { what: 'all are stored', deadlineMs: 15_000 })
      expect(await storedSeqs(database)).toHaveLength(40)
      expect(linesOf(app, 'storeNotReady').length).toBeLessThanOrEqual(1)
      await waitFor(async () => (await backends(database)).every((pid) => !before.includes(pid)), {
        what: 'no connection to the read-only node is left',
      })
    }
    await publishing.stop(5_000)
  },
)
