import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { alarmDelivery, alarmToBot, contracts } from '@alarm-bus/contracts'
import {
  connect as connectKit,
  createBus,
  createRequester,
  createResponders,
  DeadLetter,
  defineHandler,
  defineResponder,
} from '@alarm-bus/nats-kit'
import { listDeadLetters } from '@alarm-bus/nats-kit/admin'
import { collectLogs, type NatsServer, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { jetstreamManager } from '@nats-io/jetstream'
import { encodeAccount, encodeActivation, encodeUser, fmtCreds } from '@nats-io/jwt'
import { createAccount, createUser, fromSeed } from '@nats-io/nkeys'
import { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { runPermissions } from '../src/permissions/run-permissions.ts'
import { attack, targetsOf } from './attacks.ts'
import { consumersOf, mayDo, mayNotDo } from './neighbours.ts'
import { allOf, refused } from './permissions.ts'
import { within } from './run-ops.ts'
import { run } from './run-script.ts'

const STREAM = 'BASQUIAT_STREAM'
const apps = await readApps()
/** No password among it. */
const ENV = { NATS_SERVER_NAME: 'n', NATS_STORE_DIR: '"x"', NATS_HTTP: '127.0.0.1:-1', NATS_SYNC_INTERVAL: '120s' }
let folder: string
let server: NatsServer
const creds = (user: string): string => join(folder, 'creds', `${user}.creds`)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ops-operator-'))
  const made = await within(runPermissions, ['--jwt', '--out', folder])
  if (made.code !== 0) throw new Error(made.err)
  server = await startTestBroker({ config: join(folder, 'nats.setup.conf'), port: 0, env: ENV })
  const applied = await ops('apply', '--yes')
  if (applied.code !== 0) throw new Error(applied.err)
}, 180_000)
afterAll(async () => {
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
})

function ops(...args: string[]) {
  const env = { NATS_ADMIN_CREDS_FILE: creds('admin'), NATS_MIGRATOR_CREDS_FILE: creds('migrator') }
  return run({ NODE_ENV: 'production', NATS_SERVERS: server.url, ...env }, ...args)
}

async function raw(user: string, file = creds(user)): Promise<NatsConnection> {
  const authenticator = credsAuthenticator(readFileSync(file))
  const client = await connect({ servers: server.url, authenticator, inboxPrefix: `_INBOX_${user}` })
  onTestFinished(() => client.close())
  return client
}

test('apps work with their credentials: publishing with ids and in batches, handling, dead letters, redrives', async () => {
  let isDown = true
  const handled: string[] = []
  const start = (name: string, part: object) => {
    const bus = createBus({
      contracts,
      logger: collectLogs(),
      connection: { servers: [server.url], name, auth: { credsFile: creds(name) } },
      streams: { mode: 'verify' },
      ...part,
    })
    onTestFinished(async () => void (await bus.stop(5_000)))
    void bus.start()
    return bus
  }
  const producer = start('producer', { publisher: { idempotency: true } })
  const readers = ['alarm-consumer', 'log-consumer'].map((name) =>
    start(name, {
      subscriber: {
        handlers: [
          defineHandler(alarmToBot, ({ message }) => {
            if (isDown && name === 'alarm-consumer') throw new DeadLetter('down')
            handled.push(`${name} ${message}`)
          }),
        ],
      },
    }),
  )
  await waitFor(() => [producer, ...readers].every((bus) => bus.health().ready), { deadlineMs: 30_000 })
  await producer.publisher.publish(alarmToBot, { message: 'one' }, { id: 'a' })
  await producer.publisher.publishMany(alarmToBot, [{ message: 'two' }, { message: 'three' }])
  await waitFor(() => handled.length === 3)
  const admin = await connectKit(
    { servers: [server.url], name: 'admin', auth: { credsFile: creds('admin') } },
    { logger: collectLogs() },
  )
  onTestFinished(async () => void (await admin.close(1_000)))
  const letters = async () => {
    const found = []
    for await (const letter of listDeadLetters(admin, STREAM)) found.push(letter)
    return found
  }
  await waitFor(async () => (await letters()).length === 3)
  isDown = false
  expect(await ops('dlq', 'redrive', '--apply', '--rate', '100')).toMatchObject({ code: 0, err: '' })
  await waitFor(() => handled.filter((one) => one.startsWith('alarm-consumer')).length === 3)
})

test('a request is answered by the app that declares it', async () => {
  const kit = async (name: string) => {
    const auth = { credsFile: creds(name) }
    const connection = await connectKit({ servers: [server.url], name, auth }, { logger: collectLogs() })
    onTestFinished(async () => void (await connection.close(1_000)))
    return connection
  }
  const connection = await kit('alarm-consumer')
  const answer = { state: 'delivered' as const, sinks: [] }
  const responders = createResponders(connection, {
    contracts,
    responders: [defineResponder(alarmDelivery, () => answer)],
  })
  onTestFinished(async () => void (await responders.stop(2_000)))
  responders.start()
  await connection.client.flush()
  const requester = createRequester(await kit('producer'), { contracts })
  onTestFinished(() => requester.close())
  expect(await requester.request(alarmDelivery, { channel: 'alarm-to-bot', id: 'a' })).toEqual(answer)
})

test.each(apps.map((app) => ({ name: app.name, app })))(
  '$name may do what it declares, and nothing beside',
  async ({ app }) => {
    expect(await refused(await raw(app.name), `_INBOX_${app.name}`, mayDo(app))).toEqual([])
    const forbidden = mayNotDo(app, apps)
    expect(await refused(await raw(app.name), `_INBOX_${app.name}`, forbidden)).toEqual(allOf(forbidden))
  },
)

test.each(apps.map((app) => ({ name: app.name, app })))(
  'whatever $name asks for, and wherever it has that answered, streams and others’ consumers stay',
  async ({ app }) => {
    const migrator = await raw('migrator')
    const manager = await jetstreamManager(await raw('admin'), { checkAPI: false })
    const handling = consumersOf(app).flatMap(({ durable }) => [durable, `${durable}_redrive`])
    // The cursors of dead letters are for the app that watches the bus to move.
    const taking = app.schedules.map(({ name }) => `${app.name}_${name}_due`)
    const own = new Set([...handling, ...taking, ...(app.watchesBus ? ['dead-letter-watch'] : [])])
    // What it scheduled itself it may end as it likes.
    const schedules = app.schedules.map((channel) => `${contracts.streamOf(channel).name}_SCHEDULES_${channel.name}`)
    const state = async () => {
      const found: unknown[] = []
      for await (const { created, config, state: stored } of manager.streams.list()) {
        const consumers: unknown[] = []
        for await (const info of manager.consumers.list(config.name))
          if (!own.has(info.name)) consumers.push([info.name, info.created, info.delivered, info.ack_floor])
        if (schedules.includes(config.name)) {
          found.push({ created, config, consumers })
          continue
        }
        const isFirstThere = await migrator.request(`$JS.API.STREAM.MSG.GET.${config.name}`, '{"seq":1}')
        found.push({ created, config, first: stored.first_seq, consumers, isFirstThere: isFirstThere.string() })
      }
      return found
    }
    const before = await state()
    expect(await attack(await raw(app.name), app, targetsOf(app, apps))).toBeGreaterThan(1_000)
    expect(await state()).toEqual(before)
  },
  120_000,
)

test('another account of the operator’s imports nothing of the bus, nor one that is made out to another', async () => {
  const seed = (name: string) =>
    fromSeed(new TextEncoder().encode(readFileSync(join(folder, 'keys', name), 'utf8').trim()))
  const [operator, bus] = [seed('operator-ALARM_BUS.nk'), seed('account-ALARM_BUS.nk')]
  const conf = readFileSync(join(folder, 'nats.setup.conf'), 'utf8')
  const producers = /^ {2}(A\w+): (\S+)$/gm
  const tokens = [...conf.matchAll(producers)].flatMap(([, , jwt]) => {
    const claims = JSON.parse(Buffer.from((jwt as string).split('.')[1] as string, 'base64url').toString()) as {
      name: string
      nats: { imports?: { subject: string; token: string }[] }
    }
    return claims.name === 'ALARM_BUS_PRODUCER' ? (claims.nats.imports ?? []) : []
  })
  const token = tokens.find(({ subject }) => subject === 'alarm.to.bot')?.token as string
  const subject = 'alarm.to.bot'
  const stored: string[] = []
  for (const how of ['without', 'of another', 'its own'] as const) {
    const [account, user] = [createAccount(), createUser()]
    const own = await encodeActivation(subject, account, bus, 'service', { subject })
    const given = { without: {}, 'of another': { token }, 'its own': { token: own } }[how]
    const imports = [{ name: 'x', subject, type: 'service' as const, account: bus.getPublicKey(), ...given }]
    const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: 0 }
    const jwt = await encodeAccount('STRANGER', account, { imports, limits }, { signer: operator })
    const other = join(folder, how.replaceAll(' ', '-'))
    const more = `resolver_preload {\n  ${account.getPublicKey()}: ${jwt}\n`
    writeFileSync(`${other}.conf`, conf.replace('resolver_preload {\n', more))
    writeFileSync(`${other}.creds`, fmtCreds(await encodeUser('x', user, account), user))
    const beside = await startTestBroker({ config: `${other}.conf`, port: 0, env: ENV })
    onTestFinished(() => beside.stop())
    const admin = { NATS_ADMIN_CREDS_FILE: creds('admin'), NODE_ENV: 'production', NATS_SERVERS: beside.url }
    expect((await run(admin, 'apply', '--streams-only', '--yes')).code).toBe(0)
    const authenticator = credsAuthenticator(readFileSync(`${other}.creds`))
    try {
      // The server does not even take an account whose import has no activation.
      await using client = Object.assign(await connect({ servers: beside.url, authenticator, reconnect: false }), {
        [Symbol.asyncDispose]: () => client.close(),
      })
      await client.request(subject, '{}')
      stored.push(how)
    } catch (error) {
      expect((error as Error).message).toMatch(/no responders|authorization violation/i)
    }
  }
  expect(stored).toEqual(['its own'])
}, 120_000)

test('keys are kept and private, and a second writing is for the same accounts, which a broker that runs takes', async () => {
  const keysOf = () => readdirSync(join(folder, 'keys')).map((name) => readFileSync(join(folder, 'keys', name), 'utf8'))
  const before = keysOf()
  const again = await within(runPermissions, ['--jwt', '--out', folder])
  expect(again.code).toBe(0)
  expect(keysOf()).toEqual(before)
  for (const place of ['keys', 'creds'])
    for (const name of readdirSync(join(folder, place)))
      expect(statSync(join(folder, place, name)).mode & 0o777, name).toBe(0o600)
  for (const secret of before) expect(again.out).not.toContain(secret.trim())
  const client = await raw('producer')
  process.kill(server.pid, 'SIGHUP')
  const varz = async () =>
    (await (await fetch(new URL('/varz', server.monitorUrl))).json()) as { config_load_time: string; start: string }
  await waitFor(async () => (await varz()).config_load_time > (await varz()).start)
  for (const one of [client, await raw('producer')])
    expect((await one.request('alarm.to.log', '{}')).json()).toMatchObject({ stream: STREAM })
  for (const flags of [['--jwt'], ['--jwt', '--out', folder, '--nkeys'], ['--jwt', '--out', folder, '--check']])
    expect(await within(runPermissions, flags)).toMatchObject({ code: 1, out: '' })
})
