import { contracts } from '@alarm-bus/contracts'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { expect, test } from 'vitest'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { authOf, devEnvironment, startBroker, type TestBroker } from './harness.ts'
import { STREAM_NAMES } from './permissions.ts'
import { opsOf, runOps } from './in-process.ts'
import { freePort, run, start } from './run-script.ts'

function envOf(broker: TestBroker): Record<string, string> {
  return { NATS_SERVERS: broker.server.url, NATS_ADMIN_PASSWORD: authOf('admin').password }
}

async function managerOf(broker: TestBroker): Promise<JetStreamManager> {
  return jetstreamManager(await broker.raw('admin'))
}

/** As the set-up job of compose runs it: without the apps, asked nothing. */
const JOB = ['apply', '--streams-only', '--yes'] as const

/** For those who watch dead letters. */
const CURSORS = contracts.streams.flatMap(({ name }) =>
  [`${name}_DLQ`, `${name}_DLQ_SHARES`].map((stream) => `${stream}/dead-letter-watch`),
)

test('creates, says nothing to do the second time, and shows a changed field before and after', async () => {
  await using broker = await startBroker()
  const manager = await managerOf(broker)

  // As people run it: a process of its own.
  const first = await run(envOf(broker), ...JOB)
  expect(first).toMatchObject({ code: 0, err: '' })
  expect(first.out).toMatch(
    new RegExp(`${[...STREAM_NAMES, ...CURSORS].map((name) => `${name}: created\n`).join('')}$`),
  )
  expect((await manager.streams.list().next()).map(({ config }) => config.name).sort()).toEqual(STREAM_NAMES.toSorted())

  const second = await opsOf(broker, {}, ...JOB)
  expect(second).toMatchObject({ code: 0, out: 'nothing to do: the broker is as declared\n' })

  await manager.streams.update('BASQUIAT_STREAM', { max_msgs: 7, description: 'by hand' })
  const third = await opsOf(broker, {}, ...JOB)
  expect(third.code).toBe(0)
  expect(third.out).toContain('BASQUIAT_STREAM: update (changed by hand)\n')
  expect(third.out).toContain('  max_msgs: 7 → 100,000\n')
  expect(third.out).toContain('  description: "by hand" → "Alarms for the bot and for the log."\n')
  expect((await manager.streams.info('BASQUIAT_STREAM')).config.max_msgs).toBe(100_000)
})

test('without a file and without --yes nothing is confirmed, so nothing is changed', async () => {
  await using broker = await startBroker()
  const manager = await managerOf(broker)
  for (const flags of [[], ['--json']]) {
    const { code, err } = await opsOf(broker, {}, 'apply', ...flags)
    expect(code).toBe(1)
    expect(err).toContain('give --yes, or the file of a plan that was reviewed; nothing was changed')
  }
  // Asked, and not answered with yes; then with it.
  const no = await opsOf(broker, { ANSWER: 'y' }, 'apply')
  expect(no).toMatchObject({ code: 1, err: 'ops apply: not confirmed; nothing was changed\n' })
  expect(no.asked).toEqual([`${STREAM_NAMES.length + CURSORS.length + 9} to create. Type "yes" to do it: `])
  expect(await manager.streams.list().next()).toEqual([])
  expect(await opsOf(broker, { ANSWER: 'yes' }, 'apply')).toMatchObject({ code: 0 })
  expect(await manager.streams.list().next()).toHaveLength(STREAM_NAMES.length)
})

test('names a field that the server cannot change, does nothing at all, and exits with 1', async () => {
  await using broker = await startBroker()
  const manager = await managerOf(broker)
  await manager.streams.add({
    name: 'BASQUIAT_STREAM_REDRIVE',
    subjects: ['redrive.BASQUIAT_STREAM.>'],
    max_bytes: 1_000_000,
  })
  const { code, out, err } = await opsOf(broker, {}, ...JOB)
  expect(code).toBe(1)
  expect(out).toContain('BASQUIAT_STREAM_REDRIVE: cannot be changed\n')
  expect(out).toContain('  retention: "limits" → "workqueue"\n')
  expect(err).toContain('BASQUIAT_STREAM_REDRIVE cannot be changed to what is declared; nothing was done')
  expect((await manager.streams.list().next()).length).toBe(1)
})

// The deadline shows it: the wait for a broker is 30 s by default.
test('a wrong password ends it at once, with 1', { timeout: 10_000 }, async () => {
  await using broker = await startBroker()
  const { code, err } = await opsOf(broker, { NATS_ADMIN_PASSWORD: 'wrong' }, ...JOB)
  expect(code).toBe(1)
  expect(err).toContain('NATS refused the credentials')
})

test('a user without the rights ends it with 1 and what it could not do', async () => {
  await using broker = await startBroker()
  const { user, password } = authOf('producer')
  const { code, err } = await runOps(
    { NATS_SERVERS: broker.server.url, NATS_ADMIN_USER: user, NATS_ADMIN_PASSWORD: password },
    ...JOB,
  )
  expect(code).toBe(1)
  expect(err).toMatch(/streams cannot be listed: this user may not.*NATS_ADMIN_USER/)
})

test('gives up on a broker that is not there after --wait-ms, and says where it looked', async () => {
  const url = `nats://127.0.0.1:${await freePort()}`
  const { code, err } = await runOps({ NATS_SERVERS: url }, ...JOB, '--wait-ms', '800')
  expect(code).toBe(1)
  expect(err).toContain('waiting for the broker: ')
  expect(err).toContain(`no broker at ${url} within`)
})

test('waits for a broker that comes later', async () => {
  const port = await freePort()
  const env = { NATS_SERVERS: `nats://127.0.0.1:${port}`, NATS_ADMIN_PASSWORD: authOf('admin').password }
  const running = start(env, ...JOB)
  await waitFor(() => running.said.err.includes('waiting for the broker'), { what: 'the first failed attempt' })
  await using broker = await startBroker({ port })
  expect(broker.server.port).toBe(port)
  expect(await running.ended).toMatchObject({ code: 0, out: expect.stringContaining('BASQUIAT_STREAM: created') })
})

test('says everything that is wrong with flags and environment', async () => {
  const flags = await runOps({}, 'apply', '--dry')
  expect(flags).toMatchObject({ code: 1, err: expect.stringContaining("'--dry'") })
  expect((await runOps({}, 'apply', '--wait-ms', 'soon')).err).toContain(
    "option '--wait-ms <n>' argument 'soon' is invalid. It must be a whole number from 0",
  )
  const environment = await runOps(
    {
      NODE_ENV: 'production',
      NATS_ADMIN_PASSWORD: devEnvironment['NATS_ADMIN_PASSWORD'] as string,
      NATS_TLS_CA_FILE: '/nowhere.pem',
      STREAM_REPLICAS: '2',
    },
    ...JOB,
  )
  expect(environment.code).toBe(1)
  for (const part of ['NATS_TLS_CA_FILE names a file that does not exist', 'STREAM_REPLICAS must be 1, 3 or 5']) {
    expect(environment.err).toContain(part)
  }
  const dev = { NODE_ENV: 'production', NATS_ADMIN_PASSWORD: devEnvironment['NATS_ADMIN_PASSWORD'] as string }
  expect((await runOps(dev, ...JOB)).err).toContain('NATS_ADMIN_PASSWORD is a password of the development set-up')
  expect((await runOps({}, 'apply', '--help')).out).toContain('--allow-destroy')
})

test('copies are the deployment’s: left alone unless STREAM_REPLICAS says how many', async () => {
  await using broker = await startBroker()
  await opsOf(broker, {}, 'apply', '--yes')
  const plan = async (env = {}) => JSON.parse((await opsOf(broker, env, 'plan', '--json')).out)
  expect((await plan()).changes).toEqual([])
  expect((await plan({ STREAM_REPLICAS: '3' })).changes).toEqual(
    STREAM_NAMES.map((stream) => ({
      action: 'update',
      stream,
      fields: [{ field: 'num_replicas', before: 1, after: 3 }],
    })),
  )
})
