import { alarmToLog } from '@alarm-bus/contracts'
import { type NatsServer, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPostgres } from '../src/database/open-postgres.ts'
import { startConsumer, startPublishing } from './stack.ts'
import { startPgBouncer } from './support/pgbouncer.ts'
import { type PostgresServer, query, startPostgres } from './support/postgres-server.ts'

let postgres: PostgresServer
let broker: NatsServer
beforeAll(async () => {
  postgres = await startPostgres()
  broker = await startTestBroker()
})
afterAll(async () => {
  await broker.stop()
  await postgres.stop()
})

describe.each(['session', 'transaction'] as const)('behind PgBouncer, pooling by %s', (mode) => {
  test('ready, stores each once, answers, and goes on after a restart of the pooler', { timeout: 60_000 }, async () => {
    const direct = await postgres.createDatabase()
    await using pooler = await startPgBouncer(direct, mode)
    await using app = startConsumer(broker.url, { DATABASE_URL: pooler.urlOf(direct) })
    await app.line('ready')
    const publishing = await startPublishing(broker.url)
    const publish = async (count: number): Promise<void> => {
      const sending = Array.from({ length: count }, () => publishing.publisher.publish(alarmToLog, { message: mode }))
      await Promise.all(sending)
    }
    const stored = async (): Promise<number> =>
      Number((await query<{ n: unknown }>(direct, `select count(*) as n from logs where message = '${mode}'`))[0]?.n)
    await publish(300)
    await waitFor(async () => (await stored()) === 300, { what: 'all are stored' })
    const url = await app.url()
    const pages = await Promise.all(Array.from({ length: 4 }, () => fetch(`${url}/logs?text=${mode}`)))
    expect(pages.map(({ status }) => status)).toEqual([200, 200, 200, 200])

    await pooler.restart()
    await publish(50)
    await waitFor(async () => (await stored()) === 350, { what: 'all are stored', deadlineMs: 20_000 })
    expect(app.lines.filter(({ event }) => event === 'retryScheduled' || event === 'uncaughtException')).toEqual([])
    app.signal('SIGTERM')
    expect(await app.exit()).toEqual({ code: 0, signal: null })
    await publishing.stop(5_000)
  })

  test('a statement has its bound, within a transaction and alone, and no other client gets it', async () => {
    const direct = await postgres.createDatabase()
    await using pooler = await startPgBouncer(direct, mode)
    const database = openPostgres(pooler.urlOf(direct))
    const show = sql<{ statement_timeout: string }>`show statement_timeout`
    expect((await show.execute(database.kysely)).rows).toEqual([{ statement_timeout: '15s' }])
    const { rows } = await database.kysely.transaction().execute((transaction) => show.execute(transaction))
    expect(rows).toEqual([{ statement_timeout: '15s' }])
    // On the same connections to Postgres.
    for (let turn = 0; turn < 5; turn++)
      expect(await query(pooler.urlOf(direct), 'show statement_timeout')).toEqual([{ statement_timeout: '0' }])
    await database.close()
  })
})
