import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { defineHandler, createBus } from '@alarm-bus/nats-kit'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { AckPolicy, jetstreamManager } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { applyDeclared, authOf, startBroker, type TestBroker } from './harness.ts'
import { runOps } from './run-ops.ts'
import type { Ran } from './run-script.ts'

let broker: TestBroker

beforeEach(async () => {
  broker = await startBroker()
  await applyDeclared(broker, {}, [])
})
afterEach(() => broker[Symbol.asyncDispose]())

/** The command as people run it: a process of its own, on the sources, with admin's credentials unless told otherwise. */
function consumers(flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const admin = { NATS_SERVERS: broker.server.url, NATS_ADMIN_PASSWORD: authOf('admin').password }
  return runOps(['consumers', ...flags], { ...admin, ...env })
}

/** A consumer of that app's, made with the rights of the one that may. */
async function leave(app: string): Promise<void> {
  const manager = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  await manager.consumers.add('BASQUIAT_STREAM', {
    durable_name: 'alarm-consumer_alarm-to-bot_0',
    filter_subject: 'alarm.to.bot',
    ack_policy: AckPolicy.Explicit,
    metadata: { 'alarm-bus.app': app, 'alarm-bus.made-by': 'nats-kit' },
  })
}

async function names(): Promise<readonly string[]> {
  const manager = await jetstreamManager(await broker.raw('admin'), { checkAPI: false })
  return (await manager.consumers.list('BASQUIAT_STREAM').next()).map(({ name }) => name)
}

test('a consumer of an app that is gone is shown, and removed with --apply', async () => {
  await leave('old-app')
  const line = /BASQUIAT_STREAM alarm-consumer_alarm-to-bot_0: would be removed; made for old-app, an unknown app/
  const dry = await consumers(['prune', '--dry-run', '--grace', '0s'])
  expect(dry).toMatchObject({ code: 0, err: '', out: expect.stringMatching(line) })
  expect(dry.out).toContain('1 would be removed, 0 kept; nothing was changed, --apply does it\n')
  expect(await names()).toHaveLength(1)
  const applied = await consumers(['prune', '--apply', '--grace', '0s', '--json'])
  expect(JSON.parse(applied.out)).toMatchObject({
    dryRun: false,
    apps: ['alarm-consumer', 'log-consumer', 'producer'],
    consumers: [{ consumer: 'alarm-consumer_alarm-to-bot_0', reason: 'unknown_app', action: 'removed', unread: 0 }],
  })
  expect(await names()).toEqual([])
})

test('a running app keeps its consumers, even when it is forgotten in --apps', async () => {
  await applyDeclared(broker, {}, ['alarm-consumer'])
  const bus = createBus({
    contracts,
    logger: collectLogs(),
    connection: { servers: [broker.server.url], name: 'alarm-consumer', auth: authOf('alarm-consumer') },
    streams: { mode: 'verify' },
    subscriber: { handlers: [defineHandler(alarmToBot, () => undefined)] },
  })
  void bus.start()
  try {
    await waitFor(() => bus.health().ready)
    const manager = await jetstreamManager(await broker.raw('admin'), { checkAPI: false })
    const waiting = async () =>
      (await manager.consumers.info('BASQUIAT_STREAM', 'alarm-consumer_alarm-to-bot')).num_waiting > 0
    await waitFor(waiting)
    expect((await consumers(['prune'])).out).toBe('every consumer has an owner\n')
    const forgotten = await consumers(['prune', '--apps', 'producer', '--apply', '--grace', '0s'])
    // The app answers no request here.
    expect(forgotten.out).toContain('2 removed, 2 kept\n')
    expect(forgotten.out).toContain('alarm-consumer_alarm-to-bot: kept (in use); made for alarm-consumer')
    expect(await names()).toEqual(['alarm-consumer_alarm-to-bot'])
  } finally {
    await bus.stop(2_000)
  }
})

test('a known app’s unused consumer, by --idle', async () => {
  await leave('alarm-consumer')
  expect((await consumers(['prune', '--grace', '0s', '--idle', '1h'])).out).toBe('every consumer has an owner\n')
  const idle = await consumers(['prune', '--grace', '0s', '--idle', '1ms', '--apply'])
  expect(idle.out).toContain('alarm-consumer_alarm-to-bot_0: removed; made for alarm-consumer, idle for')
  expect(await names()).toEqual([])
})

test('what cannot be used is refused, and another user may not', async () => {
  expect((await consumers(['prune', '--apply', '--dry-run'])).err).toContain('contradict each other')
  expect((await consumers(['prune', '--apps', 'A B'])).err).toContain('not an app name')
  expect((await consumers(['purge'])).err).toContain("unknown command 'purge' (Did you mean prune?)")
  expect((await consumers(['prune', '--idle', 'long'])).err).toContain('It must be a duration')
  expect((await consumers(['prune', '--help'])).out).toContain('pnpm ops consumers prune')
  const { password } = authOf('producer')
  const denied = await consumers(['prune', '--json'], { NATS_ADMIN_USER: 'producer', NATS_ADMIN_PASSWORD: password })
  expect(denied.code).toBe(1)
  expect(denied.err).toContain('consumers are pruned by the admin')
  expect(JSON.parse(denied.out)).toMatchObject({ error: { code: 'permission_denied' }, consumers: [] })
})
