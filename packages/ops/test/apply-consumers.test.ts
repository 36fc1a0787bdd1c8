import { type App, type Consuming, contracts, defineApp } from '@alarm-bus/contracts'
import { type Bus, createBus, defineHandler } from '@alarm-bus/nats-kit'
import { declaredConsumers } from '@alarm-bus/nats-kit/admin'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { applyStreams } from '../src/index.ts'
import { observe } from '../src/plan/observe.ts'
import { planConsumers } from '../src/plan/plan-consumers.ts'
import { authOf, startBroker, type TestBroker, type User } from './harness.ts'
import { opsOf } from './in-process.ts'
import { STREAM_NAMES } from './permissions.ts'

const apps = await readApps()
const [alarmConsumer] = apps.filter(({ name }) => name === 'alarm-consumer') as [App]

let broker: TestBroker
let manager: JetStreamManager

beforeEach(async () => {
  broker = await startBroker()
  manager = await jetstreamManager(await broker.raw('admin'))
})
afterEach(() => broker[Symbol.asyncDispose]())

const apply = (app: App, deployed?: Consuming) =>
  applyStreams({
    servers: [broker.server.url],
    auth: authOf('admin'),
    streams: contracts.streams,
    consumers: { apps: [app], contracts, ...(deployed && { deployed }) },
  })
const names = async () => {
  const { consumers } = await observe(await broker.raw('admin'), STREAM_NAMES)
  return consumers
    .map(({ name }) => name)
    .filter((name) => name !== 'dead-letter-watch')
    .sort()
}

/** Its channels; stored requests have tests of their own. */
const handlesOf = (app: App): App['handles'] => app.handles.filter(({ ofRequest }) => !ofRequest)

/** An app that only says it is handled, as its declaration has it. */
function start(app: App, options: object = {}): { readonly bus: Bus; readonly logs: ReturnType<typeof collectLogs> } {
  const logs = collectLogs()
  const bus = createBus({
    contracts,
    // What it does beside consuming is not asked here.
    app: { ...app, handles: handlesOf(app), answers: [], asks: [], reads: [], hears: [], watchesBus: false },
    logger: logs,
    connection: { servers: [broker.server.url], name: app.name, auth: authOf(app.name as User) },
    streams: { mode: 'verify' },
    subscriber: { ...options, handlers: handlesOf(app).map(({ channel }) => defineHandler(channel, () => undefined)) },
  })
  void bus.start()
  return { bus, logs }
}

/** What the app had to do about its consumers. */
const shaped = (logs: ReturnType<typeof collectLogs>) =>
  logs.lines
    .map(({ fields }) => fields['event'])
    .filter((event) => /^consumer(Created|Updated|Repaired)/.test(String(event)))

test.each(['pull', 'push'] as const)(
  'what apply makes is what each app would have made (%s): it has nothing left to do',
  async (mode) => {
    const done = await opsOf(broker, {}, 'apply', '--yes', '--mode', mode)
    expect(done).toMatchObject({ code: 0, err: '' })
    for (const app of apps.filter(({ handles }) => handles.length > 0)) {
      const { bus, logs } = start(app, { mode })
      await waitFor(() => bus.health().ready, { what: app.name })
      expect(bus.health().checks.filter(({ ok, warning }) => !ok || warning)).toEqual([])
      expect(shaped(logs)).toEqual([])
      expect(await bus.stop(5_000)).toMatchObject({ clean: true })
    }
    expect((await opsOf(broker, {}, 'plan', '--mode', mode)).code).toBe(0)
  },
)

test('an app that declares fan-out has a consumer for each instance, which stays, and none that is shared', async () => {
  const app: App = { ...alarmConsumer, consuming: { delivery: 'fan-out', ackWaitMs: 7_000 }, fanOutInstances: 2 }
  await apply(app)
  const expected = ['0', '1'].flatMap((one) => [
    `alarm-consumer_alarm-to-bot_${one}`,
    `alarm-consumer_alarm-to-bot_${one}_redrive`,
  ])
  // Instances share the requests that are stored.
  expected.push('alarm-consumer_sink-test', 'alarm-consumer_sink-test_redrive')
  expect(await names()).toEqual(expected.sort())
  const { config } = await manager.consumers.info('BASQUIAT_STREAM', 'alarm-consumer_alarm-to-bot_1')
  expect(config).toMatchObject({ ack_wait: 7_000_000_000, filter_subject: 'alarm.to.bot', max_deliver: -1 })
  expect(config.inactive_threshold ?? 0).toBe(0)
  // The app takes the same from its declaration, and the consumer as it is.
  const { bus, logs } = start(app, { instanceId: '1' })
  await waitFor(() => bus.health().ready)
  expect(shaped(logs)).toEqual([])
  await bus.stop(5_000)
})

test('what is declared otherwise since is changed where the server lets it, and what is not declared stays', async () => {
  await apply(alarmConsumer)
  await manager.consumers.update('BASQUIAT_STREAM', 'alarm-consumer_alarm-to-bot', { ack_wait: 60_000_000_000 })
  const planOf = async (app: App) =>
    planConsumers(declaredConsumers(app, contracts), await observe(await broker.raw('admin'), STREAM_NAMES), undefined)
      .changes
  expect(await planOf(alarmConsumer)).toEqual([])
  const declared: App = { ...alarmConsumer, consuming: { ackWaitMs: 45_000 } }
  expect(await planOf(declared)).toEqual([
    {
      action: 'update',
      stream: 'BASQUIAT_STREAM',
      consumer: 'alarm-consumer_alarm-to-bot',
      fields: [{ field: 'ack_wait', before: 60_000_000_000, after: 45_000_000_000 }],
    },
    {
      action: 'update',
      stream: 'BASQUIAT_STREAM',
      consumer: 'alarm-consumer_sink-test',
      fields: [{ field: 'ack_wait', before: 30_000_000_000, after: 45_000_000_000 }],
    },
  ])
  await apply(declared)
  expect(await planOf(declared)).toEqual([])
})

test('one that begins with what is new passes over what is stored', async () => {
  await apply(defineApp({ ...alarmConsumer, handles: [] as never, publishes: contracts.channels, onceOnly: false }))
  const producer = await broker.raw('producer')
  for (const n of [1, 2, 3]) await producer.request('alarm.to.bot', `{"message":"${n}"}`)
  const handles = alarmConsumer.handles.map((one) => ({ ...one, startAt: 'new' as const }))
  await apply({ ...alarmConsumer, handles })
  expect(await manager.consumers.info('BASQUIAT_STREAM', 'alarm-consumer_alarm-to-bot')).toMatchObject({
    num_pending: 0,
    config: { opt_start_seq: 4 },
  })
})
