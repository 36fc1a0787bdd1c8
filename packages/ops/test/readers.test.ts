import { alarmToBot, alarmToLog, contracts, defineApp } from '@alarm-bus/contracts'
import { createBus, defineListener, KitErrorCode, type ReadItem } from '@alarm-bus/nats-kit'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { applyStreams } from '../src/index.ts'
import { appPermissions } from '../src/permissions/app-permissions.ts'
import { renderAccounts } from '../src/permissions/render-accounts.ts'
import { authOf, devEnvironment, oneAccount, startBroker, type TestBroker } from './harness.ts'
import { mayDo, mayNotDo } from './neighbours.ts'
import { allOf, refused } from './permissions.ts'

const app = defineApp({
  name: 'reader',
  owner: 'team',
  description: 'Reads what is stored, and hears what is not.',
  reads: [alarmToBot],
  hears: [alarmToLog],
})
/** Hears what it publishes itself, as one does that tells its own instances to forget something. */
const echo = defineApp({
  name: 'echo',
  owner: 'team',
  description: 'Tells its own instances.',
  publishes: [alarmToLog],
  hears: [alarmToLog],
})
/** May publish nothing at all. */
const mute = defineApp({ name: 'mute', owner: 'team', description: 'Only hears.', hears: [alarmToBot] })
const apps = [...(await readApps()), app, echo, mute]
const permissions = apps.map((one) => appPermissions(one, contracts))
const env = {
  NATS_READER_PASSWORD: 'dev-only-reader',
  NATS_ECHO_PASSWORD: 'dev-only-echo',
  NATS_MUTE_PASSWORD: 'dev-only-mute',
}

async function start(isOneAccount: boolean): Promise<TestBroker> {
  const files = isOneAccount
    ? oneAccount(renderAccounts(permissions, { oneAccount: true })['nats.permissions.conf'])
    : renderAccounts(permissions)
  const broker = await startBroker({ files, env })
  await applyStreams({
    servers: [broker.server.url],
    auth: authOf('admin'),
    streams: contracts.streams,
    consumers: { apps, contracts },
  })
  return broker
}

function busOf(broker: TestBroker, one: typeof app, options: Partial<Parameters<typeof createBus>[0]>) {
  const logger = collectLogs()
  const bus = createBus({
    contracts,
    app: one,
    logger,
    connection: { servers: [broker.server.url], name: one.name, auth: authOf(one.name, { ...devEnvironment, ...env }) },
    streams: { mode: 'verify' },
    ...options,
  })
  const trouble: unknown[] = []
  bus.events.on('errorOccurred', (detail) => trouble.push(detail))
  void bus.start()
  return Object.assign(bus, { trouble })
}

test.each([
  { mode: 'an account for each app', isOneAccount: false },
  { mode: 'one account', isOneAccount: true },
])('with $mode a reader reads and hears by its declaration alone', { timeout: 60_000 }, async ({ isOneAccount }) => {
  await using broker = await start(isOneAccount)
  const heard: string[] = []
  const listener = defineListener(alarmToLog, ({ message }) => void heard.push(message))
  const bus = busOf(broker, app, { listeners: [listener] })
  const echoed: string[] = []
  const echoing = defineListener(alarmToLog, ({ message }) => void echoed.push(message), { delivery: 'fan-out' })
  const echoBus = busOf(broker, echo, { publisher: {}, listeners: [echoing] })
  await Promise.all([bus.ready(), echoBus.ready()])

  const producerApp = apps.find(({ name }) => name === 'producer') as typeof app
  const producer = busOf(broker, producerApp, { publisher: { idempotency: true }, requester: {} })
  await producer.ready()
  for (let i = 0; i < 600; i++) await producer.publisher.publish(alarmToBot, { message: `${i}` })
  await producer.corePublisher.publish(alarmToLog, { message: 'now' })
  await echoBus.corePublisher.publish(alarmToLog, { message: 'mine' })
  await waitFor(() => heard.length === 2 && echoed.length === 2)

  const items: ReadItem[] = []
  for await (const item of bus.read(alarmToBot, { from: 'start', maxMessages: 100 })) items.push(item)
  expect(
    items.map((item) => (item.kind === 'message' ? (item.message as { readonly message: string }).message : '')),
  ).toEqual(Array.from({ length: 600 }, (_, i) => `${i}`))
  expect(() => bus.read(alarmToLog, { from: 'start' })).toThrow(
    expect.objectContaining({ code: KitErrorCode.InvalidOptions, message: expect.stringContaining('add it to reads') }),
  )
  await waitFor(() => heard.length === 2 && echoed.length === 2)
  expect(heard.toSorted()).toEqual(['mine', 'now'])
  expect(echoed.toSorted()).toEqual(['mine', 'now'])
  expect(bus.trouble).toEqual([])

  for (const one of [app, mute]) {
    const raw = await broker.raw(one.name)
    expect(await refused(raw, `_INBOX_${one.name}`, mayDo(one))).toEqual([])
    const others = mayNotDo(one, apps)
    expect(await refused(raw, `_INBOX_${one.name}`, others)).toEqual(allOf(others))
  }
  await Promise.all([bus, echoBus, producer].map((one) => one.stop(2_000)))
})

test('without the right to read, reading ends with an error at once', { timeout: 60_000 }, async () => {
  const lacking = { ...app, reads: [] as typeof app.reads }
  const files = renderAccounts(
    [...apps.filter((one) => one !== app), lacking].map((one) => appPermissions(one, contracts)),
  )
  await using broker = await startBroker({ files, env })
  await applyStreams({
    servers: [broker.server.url],
    auth: authOf('admin'),
    streams: contracts.streams,
    consumers: { apps, contracts },
  })
  const bus = busOf(broker, app, { listeners: [defineListener(alarmToLog, () => undefined)] })
  await expect(bus.read(alarmToBot, { from: 'start' }).next()).rejects.toMatchObject({
    code: KitErrorCode.PermissionDenied,
  })
  await bus.stop(2_000)
})

test('two apps that each publish and hear one channel are refused: the server takes no cycle of imports', () => {
  const both = [echo, { ...echo, name: 'echo-two' }].map((one) => appPermissions(one, contracts))
  expect(() => renderAccounts(both)).toThrow('echo and echo-two each publish and hear channel "alarm-to-log"')
  expect(() => renderAccounts(both, { oneAccount: true })).not.toThrow()
})
