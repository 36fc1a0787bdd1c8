import { contracts } from '@alarm-bus/contracts'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { describe, expect, test } from 'vitest'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { applyStreams } from '../src/index.ts'
import { authOf, devEnvironment, startBroker, type TestBroker } from './harness.ts'
import { STREAM_NAMES } from './permissions.ts'
import { freePort, run, start } from './run-script.ts'

/** In the order in which they are made. */
const NAMES = STREAM_NAMES

function envOf(broker: TestBroker): Record<string, string> {
  return { NATS_SERVERS: broker.server.url, NATS_ADMIN_PASSWORD: authOf('admin').password }
}

async function managerOf(broker: TestBroker): Promise<JetStreamManager> {
  return jetstreamManager(await broker.raw('admin'))
}

describe('streams:apply', () => {
  test('creates, says nothing to do the second time, and shows a changed field before and after', async () => {
    await using broker = await startBroker()
    const manager = await managerOf(broker)

    const first = await run(envOf(broker))
    expect(first).toMatchObject({ code: 0, err: '', out: NAMES.map((name) => `${name}: created\n`).join('') })
    expect((await manager.streams.list().next()).map(({ config }) => config.name).sort()).toEqual(NAMES.toSorted())

    const second = await run(envOf(broker))
    expect(second.code).toBe(0)
    expect(second.out).toBe(
      `${NAMES.map((name) => `${name}: nothing to do\n`).join('')}nothing to do: every stream is as declared\n`,
    )

    await manager.streams.update('BASQUIAT_STREAM', { max_msgs: 7, description: 'by hand' })
    const third = await run(envOf(broker))
    expect(third.code).toBe(0)
    expect(third.out).toContain('BASQUIAT_STREAM: updated\n')
    expect(third.out).toContain('  max_msgs: 7 → 100000\n')
    expect(third.out).toContain('  description: "by hand" → "Alarms for the bot and for the log."\n')
    expect((await manager.streams.info('BASQUIAT_STREAM')).config.max_msgs).toBe(100_000)
  })

  test('--dry-run shows what would be done and changes nothing', async () => {
    await using broker = await startBroker()
    const manager = await managerOf(broker)
    const empty = await run(envOf(broker), '--dry-run')
    expect(empty).toMatchObject({ code: 0, out: NAMES.map((name) => `${name}: would be created\n`).join('') })
    expect(await manager.streams.list().next()).toEqual([])

    await run(envOf(broker))
    await manager.streams.update('BASQUIAT_STREAM', { max_msgs: 7 })
    const differs = await run(envOf(broker), '--dry-run')
    expect(differs.out).toContain('BASQUIAT_STREAM: would be updated\n  max_msgs: 7 → 100000\n')
    expect((await manager.streams.info('BASQUIAT_STREAM')).config.max_msgs).toBe(7)
  })

  test('--create-only creates what is missing and refuses what differs', async () => {
    await using broker = await startBroker()
    const manager = await managerOf(broker)
    await manager.streams.add({
      name: 'BASQUIAT_STREAM',
      subjects: ['alarm.to.bot', 'alarm.to.log'],
      max_bytes: 1_000_000,
    })
    const planned = await run(envOf(broker), '--create-only', '--dry-run')
    expect(planned.code).toBe(1)
    expect(planned.out).toContain('BASQUIAT_STREAM: would be refused\n')
    const { code, err } = await run(envOf(broker), '--create-only')
    expect(code).toBe(1)
    expect(err).toContain('stream BASQUIAT_STREAM differs from its declaration')
    expect((await manager.streams.info('BASQUIAT_STREAM')).config.max_bytes).toBe(1_000_000)
  })

  test('names a field that the server cannot change, keeps what it did before, and exits with 1', async () => {
    await using broker = await startBroker()
    const manager = await managerOf(broker)
    await manager.streams.add({
      name: 'BASQUIAT_STREAM_DLQ',
      subjects: ['dead-letter.BASQUIAT_STREAM.>'],
      storage: 'memory' as never,
      max_bytes: 1_000_000,
    })
    const { code, out, err } = await run(envOf(broker), '--json')
    expect(code).toBe(1)
    expect(err).toContain('storage: "memory" → "file" (the server cannot change it)')
    expect(JSON.parse(out)).toMatchObject({
      error: { code: 'stream_immutable' },
      streams: [{ stream: 'BASQUIAT_STREAM', action: 'created' }],
    })
  })

  test('--json is one document', async () => {
    await using broker = await startBroker()
    await run(envOf(broker))
    await (await managerOf(broker)).streams.update('BASQUIAT_STREAM', { max_msgs: 7 })
    const { out } = await run(envOf(broker), '--json')
    expect(JSON.parse(out)).toEqual({
      dryRun: false,
      streams: [
        { stream: 'BASQUIAT_STREAM', action: 'updated', changes: [{ field: 'max_msgs', before: 7, after: 100_000 }] },
        ...NAMES.slice(1).map((stream) => ({ stream, action: 'none', changes: [] })),
      ],
    })
  })

  // The deadline shows it: the wait for a broker is 30 s by default.
  test('a wrong password ends it at once, with 1', { timeout: 10_000 }, async () => {
    await using broker = await startBroker()
    const { code, err } = await run({ ...envOf(broker), NATS_ADMIN_PASSWORD: 'wrong' })
    expect(code).toBe(1)
    expect(err).toContain('NATS refused the credentials')
  })

  test('a user without the rights ends it with 1 and the stream it could not touch', async () => {
    await using broker = await startBroker()
    const { user, password } = authOf('producer')
    const { code, err } = await run({
      NATS_SERVERS: broker.server.url,
      NATS_ADMIN_USER: user,
      NATS_ADMIN_PASSWORD: password,
    })
    expect(code).toBe(1)
    expect(err).toMatch(/BASQUIAT_STREAM.*may not/)
  })

  test('gives up on a broker that is not there after --wait-ms, and says where it looked', async () => {
    const url = `nats://127.0.0.1:${await freePort()}`
    const { code, err } = await run({ NATS_SERVERS: url }, '--wait-ms', '800')
    expect(code).toBe(1)
    expect(err).toContain('NATS cannot be reached yet')
    expect(err).toContain(`no broker at ${url} within`)
  })

  test('waits for a broker that comes later', async () => {
    const port = await freePort()
    const env = { NATS_SERVERS: `nats://127.0.0.1:${port}`, NATS_ADMIN_PASSWORD: authOf('admin').password }
    const running = start(env)
    await waitFor(() => running.said.err.includes('cannot be reached yet'), { what: 'the first failed attempt' })
    await using broker = await startBroker({ port })
    expect(broker.server.port).toBe(port)
    expect(await running.ended).toMatchObject({ code: 0, out: expect.stringContaining('BASQUIAT_STREAM: created') })
  })

  test('says everything that is wrong with flags and environment', async () => {
    const flags = await run({}, '--dry')
    expect(flags).toMatchObject({ code: 1, err: expect.stringContaining("'--dry'") })
    expect((await run({}, '--wait-ms', 'soon')).err).toContain(
      '--wait-ms must be a whole number of milliseconds, not "soon"',
    )
    const environment = await run({
      NODE_ENV: 'production',
      NATS_ADMIN_PASSWORD: devEnvironment['NATS_ADMIN_PASSWORD'] as string,
      NATS_TLS_CA_FILE: '/nowhere.pem',
      STREAM_REPLICAS: '2',
    })
    expect(environment.code).toBe(1)
    for (const part of ['NATS_TLS_CA_FILE names a file that does not exist', 'STREAM_REPLICAS must be 1, 3 or 5']) {
      expect(environment.err).toContain(part)
    }
    const dev = { NODE_ENV: 'production', NATS_ADMIN_PASSWORD: devEnvironment['NATS_ADMIN_PASSWORD'] as string }
    expect((await run(dev)).err).toContain('NATS_ADMIN_PASSWORD is a password of the development set-up')
    expect((await run({}, '--help')).out).toContain('--create-only')
  })
})

describe('applyStreams in process', () => {
  test('gives what it did, and lets replicas alone unless told', async () => {
    await using broker = await startBroker()
    const target = { servers: [broker.server.url], auth: authOf('admin'), streams: contracts.streams }
    expect(await applyStreams(target)).toEqual(NAMES.map((stream) => ({ stream, action: 'created', changes: [] })))
    expect(await applyStreams({ ...target, replicas: 3, dryRun: true })).toEqual(
      NAMES.map((stream) => ({ stream, action: 'updated', changes: [{ field: 'num_replicas', before: 1, after: 3 }] })),
    )
    expect((await applyStreams({ ...target, dryRun: true })).every(({ action }) => action === 'none')).toBe(true)
  })
})
