import { alarmToLog } from '@alarm-bus/contracts'
import { type NatsServer, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import type { AppProcess } from '@alarm-bus/service/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startConsumer, startPublishing } from './stack.ts'
import { startDatabases, type TestDatabases } from './support/databases.ts'
import { POSTGRES_PASSWORD } from './support/postgres-server.ts'

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

async function storeCheckOf(app: AppProcess): Promise<{ readonly status: number; readonly ok: unknown }> {
  const response = await fetch(`${await app.url()}/readyz`)
  const { checks } = (await response.json()) as { readonly checks: readonly { name: string; ok: boolean }[] }
  return { status: response.status, ok: checks.find(({ name }) => name === 'store')?.ok }
}

test(
  'Postgres goes away under load: not ready, 503, no delivery is used up; back: everything is stored once',
  { timeout: 90_000 },
  async () => {
    const database = await databases.make('postgres')
    await using app = startConsumer(broker.url, { ...database.environment, LOG_LEVEL: 'debug' })
    await app.line('ready')
    const publishing = await startPublishing(broker.url)
    const publish = async (count: number) => {
      const receipts = []
      for (let index = 0; index < count; index++)
        receipts.push(await publishing.publisher.publish(alarmToLog, { message: `alarm ${index}` }))
      return receipts.map(({ seq }) => seq)
    }
    const before = await publish(20)
    await waitFor(() => app.lines.filter(({ event }) => event === 'logStored').length === 20, { what: '20 are stored' })

    await databases.postgres.kill()
    const meanwhile = await publish(40)
    await app.line('storeNotReady')
    await waitFor(async () => (await storeCheckOf(app)).status === 503, { what: 'not ready' })
    expect(await storeCheckOf(app)).toEqual({ status: 503, ok: false })
    const logs = await fetch(`${await app.url()}/logs`)
    expect([logs.status, logs.headers.get('retry-after')]).toEqual([503, '5'])
    expect(await logs.json()).toMatchObject({ type: 'urn:alarm-bus:problem:store-unavailable' })
    expect((await fetch(`${await app.url()}/livez`)).status).toBe(200)

    await databases.postgres.start()
    await waitFor(async () => (await storeCheckOf(app)).status === 200, { what: 'ready again', deadlineMs: 20_000 })
    const rows = async () =>
      (await database.query<{ seq: unknown }>('select seq from logs order by seq')).map(({ seq }) => Number(seq))
    await waitFor(async () => (await rows()).length >= 60, { what: 'all are stored', deadlineMs: 20_000 })
    expect(await rows()).toEqual([...before, ...meanwhile])
    // They waited with their first delivery; none was given back.
    expect(app.lines.filter(({ event }) => event === 'retryScheduled' || event === 'deadLetterStored')).toEqual([])
    expect(app.lines.filter(({ event, deliveryCount }) => event === 'logStored' && deliveryCount !== 1)).toEqual([])
    expect(JSON.stringify(app.lines)).not.toContain(POSTGRES_PASSWORD)
    app.signal('SIGTERM')
    expect(await app.exit()).toEqual({ code: 0, signal: null })
    await publishing.stop(5_000)
  },
)

test('Postgres absent at boot: live, not ready; then it comes: ready', async () => {
  const database = await databases.make('postgres')
  await databases.postgres.kill()
  await using app = startConsumer(broker.url, database.environment)
  const url = await app.url()
  await app.line('storeNotReady')
  expect((await fetch(`${url}/livez`)).status).toBe(200)
  await waitFor(async () => (await storeCheckOf(app)).ok === false, { what: 'the store is not well' })
  await databases.postgres.start()
  await app.line('storeReady')
  await app.line('ready')
})

test.each([
  ['a refused password', (url: string) => url.replace(POSTGRES_PASSWORD, 'wrong-secret')],
  ['a database that does not exist', (url: string) => url.replace(/[^/]*$/, 'no_such_database')],
])('%s: said without the secret, exit 1 at once', async (_what, change) => {
  const { environment } = await databases.make('postgres')
  await using app = startConsumer(broker.url, { DATABASE_URL: change(String(environment['DATABASE_URL'])) })
  expect((await app.exit()).code).toBe(1)
  expect(await app.line('startFailed')).toMatchObject({ level: 'fatal' })
  expect(JSON.stringify(app.lines)).not.toMatch(new RegExp(`wrong-secret|${POSTGRES_PASSWORD}`))
})

test.each(['EUC_KR', 'SQL_ASCII', 'LATIN1'])('a database in %s: said with what to do, exit 1', async (encoding) => {
  const url = await databases.postgres.createDatabase(`encoding '${encoding}' template template0 locale 'C'`)
  await using app = startConsumer(broker.url, { DATABASE_URL: url })
  expect((await app.exit()).code).toBe(1)
  const said = JSON.stringify(await app.line('startFailed'))
  expect(said).toContain(`stores texts in ${encoding}`)
  // What it says to do can be done.
  const [, how] = /create database logs (encoding 'UTF8'[^"]*)"/.exec(said) ?? []
  await databases.postgres.createDatabase(how)
})

test('a path that cannot be had: said with its variable, exit 1', async () => {
  await using app = startConsumer(broker.url, { LOG_SQLITE_PATH: '/dev/null/logs.sqlite' })
  expect((await app.exit()).code).toBe(1)
  expect(JSON.stringify(await app.line('startFailed'))).toContain('LOG_SQLITE_PATH')
})

test('tables of a newer version: said, exit 1', async () => {
  const database = await databases.make('sqlite')
  const first = startConsumer(broker.url, database.environment)
  await first.line('ready')
  await first.kill()
  await database.execute(`insert into log_migration (name, timestamp) values ('999-later', 'now')`)
  await using app = startConsumer(broker.url, database.environment)
  expect((await app.exit()).code).toBe(1)
  expect(JSON.stringify(await app.line('startFailed'))).toContain('newer version of log-consumer (999-later)')
})

test('in production without a token: it does not start', async () => {
  await using app = startConsumer(broker.url, { NODE_ENV: 'production', NATS_PASSWORD: 'a-real-one' })
  expect((await app.exit()).code).toBe(1)
  expect(JSON.stringify(await app.line('badConfiguration'))).toContain('LOG_API_TOKENS')
})
