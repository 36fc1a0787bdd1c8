import { alarmToBot, alarmToLog, contracts, defineContracts } from '@alarm-bus/contracts'
import { createBus } from '@alarm-bus/nats-kit'
import { MIGRATING_KEY, withCompanions } from '@alarm-bus/nats-kit/admin'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { type JetStreamManager, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { appPermissions } from '../src/permissions/app-permissions.ts'
import { renderAccounts } from '../src/permissions/render-accounts.ts'
import { declare } from '../src/plan/declared.ts'
import { migrateStream } from '../src/plan/migrate-stream.ts'
import { Patience } from '../src/plan/patience.ts'
import { authOf, makeConsumers, startBroker, type TestBroker, type TestBrokerOptions } from './harness.ts'
import { opsOf } from './in-process.ts'
import { STREAM_NAMES } from './permissions.ts'
import { repeated, startConsumer, startPublisher } from './traffic.ts'

const STREAM = 'BASQUIAT_STREAM'

let broker: TestBroker
let manager: JetStreamManager

/** All apps in the account of the streams, and an account for each, as in the repository's files. */
const PLACES = {
  'one account': {
    files: renderAccounts(
      (await readApps()).map((app) => appPermissions(app, contracts, { shapesConsumers: true })),
      { oneAccount: true },
    ),
  },
  accounts: {},
} as const

beforeEach(() => setUp())
afterEach(() => broker[Symbol.asyncDispose]())

async function setUp(options: TestBrokerOptions = {}, hasConsumers = true): Promise<void> {
  broker = await startBroker(options)
  manager = await jetstreamManager(await broker.raw('admin'))
  // As it should be, but in memory: what the server cannot change.
  const [declared, ...companions] = contracts.streams.flatMap((stream) => withCompanions(stream))
  const small = { max_bytes: 40 * 1024 * 1024, storage: StorageType.Memory }
  await manager.streams.add({ ...declared, name: STREAM, ...small })
  for (const companion of companions) await manager.streams.add(companion)
  if (hasConsumers) await makeConsumers(manager)
}

const apply = (...flags: string[]) =>
  opsOf(broker, {}, 'apply', '--yes', '--allow-destroy', '--destroy', STREAM, ...flags)
function withId(id: string) {
  const given = headers()
  given.set('Nats-Msg-Id', id)
  return given
}

const as = async (cut: JetStreamManager) => ({ manager: cut, connection: await broker.kit('migrator') })
const names = async () => (await manager.streams.list().next()).map(({ config }) => config.name).sort()

test.each([{ place: 'one account' }, { place: 'accounts' }] as const)(
  'from memory to file with a publisher and two apps going, in $place: nothing lost, nothing handled twice, sequences kept',
  { timeout: 90_000 },
  async ({ place }) => {
    await broker[Symbol.asyncDispose]()
    await setUp(PLACES[place])
    const publisher = startPublisher(broker, alarmToBot)
    const alarms = startConsumer(broker, 'alarm-consumer', [alarmToBot])
    const log = startConsumer(broker, 'log-consumer', [alarmToBot, alarmToLog])
    await waitFor(() => log.handled.length > 50)
    const { created } = await manager.streams.info(STREAM)

    const shown = await opsOf(broker, {}, 'plan')
    expect(shown.code).toBe(2)
    expect(shown.out).toContain(`${STREAM}: migrate: recreated, messages and consumers kept\n`)
    expect(shown.out).toContain('  storage: "memory" → "file"\n')
    expect((await opsOf(broker, {}, 'apply', '--yes')).err).toContain(`it needs --allow-destroy --destroy ${STREAM}`)
    expect(await apply()).toMatchObject({ code: 0, err: '', out: expect.stringContaining(`${STREAM}: migrated\n`) })

    const storedBefore = publisher.stored.length
    await waitFor(() => publisher.stored.length > storedBefore + 50, {
      what: 'publishing after it',
      deadlineMs: 20_000,
    })
    await publisher.stop()
    for (const { handled } of [alarms, log])
      await waitFor(() => new Set(handled).size >= publisher.stored.length, { deadlineMs: 30_000 })
    await waitFor(() => alarms.bus.health().ready && log.bus.health().ready, { deadlineMs: 30_000 })
    await alarms.stop()
    await log.stop()
    for (const { handled, logs } of [alarms, log]) {
      expect(repeated(handled)).toEqual([])
      expect(handled.toSorted()).toEqual(publisher.stored.toSorted())
      const said = new Set(logs.lines.map(({ fields }) => fields['event']))
      for (const event of ['consumerMoved', 'heartbeatAlarm', 'messagesMissed']) expect(said).not.toContain(event)
    }
    const info = await manager.streams.info(STREAM)
    expect(info.config).toMatchObject({ storage: 'file', max_msgs: 100_000, allow_atomic: true })
    expect(info.config.metadata).toMatchObject({ 'alarm-bus.incarnation': created })
    expect(info.state).toMatchObject({ first_seq: 1, messages: publisher.stored.length })
    expect(await names()).toHaveLength(STREAM_NAMES.length)
    expect((await opsOf(broker, {}, 'plan')).code).toBe(0)
  },
)

test('a producer of the other release, which declares what was, is ready before, meanwhile and after', async () => {
  const other = defineContracts({
    channels: contracts.channels,
    streams: contracts.streams.map((stream) => ({ ...stream, storage: 'memory' as const, maxBytes: 40 * 1024 * 1024 })),
  })
  const start = () => {
    const connection = { servers: broker.servers, name: 'producer', auth: authOf('producer') }
    const bus = createBus({
      contracts: other,
      logger: collectLogs(),
      connection,
      streams: { mode: 'verify' },
      publisher: {},
    })
    void bus.start()
    return bus
  }
  const bus = start()
  await waitFor(() => bus.health().ready)
  const unready = new Set<string>()
  const said = new Set<string>()
  const watching = setInterval(() => {
    for (const { name, ok, detail } of bus.health().checks) (ok ? said : unready).add(`${name}: ${detail}`)
  }, 2)
  let done = false
  const publishing = (async () => {
    for (let n = 0; !done; n++) await bus.publisher.publish(alarmToBot, { message: `${n}` })
  })()
  // Held while the stream takes nothing, until the bus has looked.
  const slow = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  const end = slow.streams.delete.bind(slow.streams)
  slow.streams.delete = async (name) => {
    if (name === STREAM) await waitFor(() => [...said].join().includes('is being migrated'))
    return end(name)
  }
  const [declared] = declare(contracts, undefined, undefined).streams
  await migrateStream(await as(slow), declared as never, new Patience(20_000))
  done = true
  await publishing
  clearInterval(watching)
  expect([...unready]).toEqual([])
  expect((await manager.streams.info(STREAM)).config.storage).toBe('file')
  // One that is started now finds more than it declares.
  const again = start()
  await waitFor(() => again.health().ready)
  await Promise.all([bus, again].map((one) => one.stop(5_000)))
})

test('gaps, a last message that is gone, times, headers and the ids that are remembered stay', async () => {
  const producer = await broker.raw('producer')
  const publish = async (id: string) =>
    (await producer.request('alarm.to.bot', `{"message":"${id}"}`, { headers: withId(id), timeout: 5_000 })).json()
  for (const id of ['one', 'two', 'three', 'four', 'five']) await publish(id)
  const migrator = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  await migrator.streams.deleteMessage(STREAM, 2)
  await migrator.streams.deleteMessage(STREAM, 5)
  const before = (await manager.streams.info(STREAM)).state

  expect((await apply()).code).toBe(0)
  const { state } = await manager.streams.info(STREAM)
  expect(state).toMatchObject({ messages: 3, first_seq: 1, first_ts: before.first_ts, num_subjects: 1 })
  expect(await publish('four')).toMatchObject({ seq: 4, duplicate: true })
  const { seq } = (await publish('six')) as { seq: number }
  expect(seq).toBeGreaterThan(before.last_seq)
})

test('the server counts as waiting for a consumer what is not settled, and nothing else', async () => {
  const producer = await broker.raw('producer')
  for (const n of [1, 2, 3]) await producer.request('alarm.to.bot', `{"message":"${n}"}`)
  const alarms = startConsumer(broker, 'alarm-consumer', [alarmToBot])
  await waitFor(() => alarms.handled.length === 3)
  await alarms.stop()
  expect((await apply()).code).toBe(0)
  await producer.request('alarm.to.bot', '{"message":"after"}')
  const { num_pending: waiting } = await manager.consumers.info(STREAM, 'alarm-consumer_alarm-to-bot')
  expect(waiting).toBe(1)
})

test('one that was cut off goes on from the copy, whatever stands in its place', async () => {
  const producer = await broker.raw('producer')
  for (const n of [1, 2, 3]) await producer.request('alarm.to.bot', `{"message":"${n}"}`)
  const alarms = startConsumer(broker, 'alarm-consumer', [alarmToBot])
  await waitFor(() => alarms.handled.length === 3)
  await alarms.stop()
  // The end of its connection in the middle: everything is in the copy, and the stream is deleted.
  const [declared] = declare(contracts, undefined, undefined).streams
  const cut = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  const add = cut.streams.add.bind(cut.streams)
  cut.streams.add = async (config) => {
    if (config.name === STREAM) throw new Error('cut off')
    return add(config)
  }
  await expect(migrateStream(await as(cut), declared as never, new Patience(10_000))).rejects.toThrow('cut off')
  expect(await names()).toContain(`${STREAM}_MIGRATION`)
  expect(await names()).not.toContain(STREAM)

  expect((await opsOf(broker, {}, 'plan')).out).toContain(`${STREAM}: go on with its migration\n`)
  expect((await apply()).code).toBe(0)
  expect(await names()).toHaveLength(STREAM_NAMES.length)
  await producer.request('alarm.to.bot', '{"message":"after"}')
  const again = startConsumer(broker, 'alarm-consumer', [alarmToBot])
  await waitFor(() => again.handled.length > 0)
  await again.stop()
  expect(again.handled.map((one) => one.replace(/^\d+ /, ''))).toEqual(['after'])
})

test('one that was cut off when all was back keeps what came in since', async () => {
  const producer = await broker.raw('producer')
  await producer.request('alarm.to.bot', '{"message":"before"}')
  const [declared] = declare(contracts, undefined, undefined).streams
  const cut = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  cut.streams.deleteMessage = () => Promise.reject(new Error('cut off'))
  await expect(migrateStream(await as(cut), declared as never, new Patience(10_000))).rejects.toThrow('cut off')
  await producer.request('alarm.to.bot', '{"message":"since"}')
  expect((await apply()).code).toBe(0)
  const { state } = await manager.streams.info(STREAM)
  // The one in between, which ended the stream that was, is gone.
  expect(state).toMatchObject({ messages: 2, first_seq: 1, last_seq: 3, num_subjects: 1 })
  expect(await names()).toHaveLength(STREAM_NAMES.length)
})

test('while a stream says that it is migrated, an app makes no consumer on it', async () => {
  await broker[Symbol.asyncDispose]()
  await setUp(PLACES['one account'], false)
  const { metadata } = (await manager.streams.info(STREAM)).config
  await manager.streams.update(STREAM, { metadata: { ...metadata, [MIGRATING_KEY]: 'elsewhere' } })
  const alarms = startConsumer(broker, 'alarm-consumer', [alarmToBot])
  await waitFor(() => alarms.bus.health().checks.some(({ detail }) => detail.includes('is being migrated')))
  const made = async () => (await manager.consumers.list(STREAM).next()).length
  expect(await made()).toBe(0)
  await manager.streams.update(STREAM, { metadata: metadata ?? {} })
  await waitFor(async () => (await made()) === 1)
  await alarms.stop()
})

test('a queue is not migrated: it is shown with the way out, which takes its name', async () => {
  await apply()
  const migrator = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  const { config } = await manager.streams.info(`${STREAM}_REDRIVE`)
  await migrator.streams.delete(config.name)
  await manager.streams.add({ ...config, retention: RetentionPolicy.Limits })
  const flags = ['--allow-destroy', '--destroy', config.name] as const
  const shown = await opsOf(broker, {}, 'plan')
  expect(shown.out).toContain(`${config.name}: cannot be changed\n  retention: "limits" → "workqueue"\n`)
  expect(shown.out).toContain(flags.join(' '))
  expect(await opsOf(broker, {}, 'apply', '--yes', ...flags)).toMatchObject({ code: 0 })
  expect((await manager.streams.info(config.name)).config.retention).toBe('workqueue')
})
