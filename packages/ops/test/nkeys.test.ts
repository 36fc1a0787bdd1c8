import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { contracts } from '@alarm-bus/contracts'
import { connect } from '@alarm-bus/nats-kit'
import { collectLogs } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { startApp } from '../src/demo/app-process.ts'
import { applyStreams } from '../src/index.ts'
import { makeApiKey } from '../src/api-key/make-api-key.ts'
import { runNkey } from '../src/nkey/run-nkey.ts'
import { runPermissions } from '../src/permissions/run-permissions.ts'
import type { BrokerFiles } from '../src/permissions/render-accounts.ts'
import { nkeyVariable } from '../src/permissions/user-variables.ts'
import { devEnvironment, startBroker, type TestBroker } from './harness.ts'
import { runOps, within } from './run-ops.ts'

interface Key {
  readonly publicKey: string
  readonly seed: string
  readonly variables: Readonly<Record<string, string>>
}

const users = [...(await readApps()).map(({ name }) => name), 'admin', 'migrator']
/** No password stands in this environment, and the broker knows none but the one of its own account. */
const settings = Object.fromEntries(Object.entries(devEnvironment).filter(([name]) => !name.endsWith('_PASSWORD')))

/** Who calls the producer, which wants to know in production. */
const caller = makeApiKey('test', '*')

const keys = new Map<string, Key>()
let folder: string
let conf: string
let broker: TestBroker

async function newKey(user: string): Promise<Key> {
  const { out } = await within(runNkey, [user, '--json'])
  return JSON.parse(out) as Key
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'alarm-bus-nkeys-'))
  await within(runPermissions, ['--nkeys', '--out', folder])
  const read = (file: keyof BrokerFiles): string => readFileSync(join(folder, file), 'utf8')
  const files = {
    'nats.permissions.conf': read('nats.permissions.conf'),
    'nats.accounts.conf': read('nats.accounts.conf'),
  }
  conf = Object.values(files).join('')
  writeFileSync(join(folder, 'api-keys.json'), JSON.stringify({ clients: [caller.client] }))
  for (const user of users) keys.set(user, await newKey(user))
  const env = Object.fromEntries(users.map((user) => [nkeyVariable(user), keys.get(user)?.publicKey as string]))
  broker = await startBroker({ files, env })
  const { seed } = keys.get('admin') as Key
  const consumers = { apps: await readApps(), contracts }
  await applyStreams({ servers: [broker.server.url], auth: { nkeySeed: seed }, streams: contracts.streams, consumers })
})
afterAll(async () => {
  await broker?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** The producer as it runs in production, except for the seed. */
function startProducer(seed: string) {
  const env = {
    ...settings,
    NODE_ENV: 'production',
    NATS_SERVERS: broker.server.url,
    PRODUCER_PORT: '0',
    NATS_NKEY_SEED: seed,
    PRODUCER_API_KEYS_FILE: join(folder, 'api-keys.json'),
  }
  return startApp('producer', { env: { PATH: process.env['PATH'] ?? '', ...env } })
}

test('the file names each user by its key alone, and admin’s permissions stay', () => {
  expect(conf).not.toMatch(/password|user:/)
  expect([...conf.matchAll(/nkey: \$(\w+)/g)].map((match) => match[1])).toEqual(
    expect.arrayContaining(users.map(nkeyVariable)),
  )
  expect(conf).toContain('include "nats.admin.conf"')
})

test('an app with its seed alone becomes ready and stores a message; a tool is admin with its own', async () => {
  const { seed } = keys.get('producer') as Key
  await using producer = await startProducer(seed)
  const answer = await fetch(`${producer.url}/channels/alarm-to-bot/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${caller.key}` },
    body: JSON.stringify({ message: 'by key' }),
  })
  expect(answer.status).toBe(202)
  expect(JSON.stringify(producer.lines())).not.toContain(seed)
  // As `pnpm ops` is run, with the development password beside the seed.
  const admin = { NATS_SERVERS: broker.server.url, NATS_ADMIN_PASSWORD: 'dev-only-admin', NODE_ENV: 'production' }
  const listed = await runOps(['dlq', 'list', '--json'], { ...admin, ...seedVariable('admin') })
  expect(listed).toMatchObject({ code: 0, err: '' })
})

test('another key is refused, and so is another user’s for what is not its own', async () => {
  const { seed } = await newKey('producer')
  await expect(startProducer(seed)).rejects.toThrow(/refused the credentials of \\?"producer/)
  const consumer = keys.get(users.find((user) => !['producer', 'admin', 'migrator'].includes(user)) as string) as Key
  const connection = await connect(
    { servers: [broker.server.url], name: 'producer', auth: { nkeySeed: consumer.seed } },
    { logger: collectLogs() },
  )
  const refusals: unknown[] = []
  connection.events.on('errorOccurred', (detail) => refusals.push(detail))
  await expect(connection.client.request('alarm.to.bot', '{}', { timeout: 5_000 })).rejects.toThrow(/permissions/i)
  await connection.close(1_000)
  expect(refusals.length).toBeGreaterThan(0)
})

test('passwords of before are no way in', async () => {
  for (const auth of [
    { user: 'producer', password: 'dev-only-producer' },
    { user: 'producer', password: '' },
  ]) {
    await expect(
      connect({ servers: [broker.server.url], name: 'producer', auth }, { logger: collectLogs() }),
    ).rejects.toMatchObject({ code: 'authentication_failed' })
  }
})

test('a key is shown once, for a user that there is, and another each time', async () => {
  const { code, out, err } = await runOps(['nkey', 'producer'])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatch(
    /^# for the broker\nNATS_PRODUCER_NKEY=U[A-Z2-7]{55}\n# for producer alone; shown once\nNATS_NKEY_SEED=SU[A-Z2-7]{56}\n$/,
  )
  expect((await within(runNkey, ['producer'])).out).not.toBe(out)
  for (const argv of [['nobody'], ['producer', 'admin'], ['--sideways']]) {
    const refusal = await within(runNkey, argv)
    expect(refusal).toMatchObject({ code: 1, out: '' })
  }
})

function seedVariable(user: string): Readonly<Record<string, string>> {
  const { seed, variables } = keys.get(user) as Key
  return Object.fromEntries(Object.entries(variables).filter(([, value]) => value === seed))
}
