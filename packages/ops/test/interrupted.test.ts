import { readFileSync } from 'node:fs'
import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { withCompanions } from '@alarm-bus/nats-kit/admin'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { AckPolicy, type JetStreamManager, jetstreamManager, StorageType } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { applyDeclared, authOf, makeConsumers, repository, startBroker, type TestBroker } from './harness.ts'
import { STREAM_NAMES } from './permissions.ts'
import { start } from './run-script.ts'
import { startConsumer } from './traffic.ts'

const STREAM = 'BASQUIAT_STREAM'
const CONSUMER = 'alarm-consumer_alarm-to-bot'
const NAME = `${STREAM}/${CONSUMER}`
const MOVE = ['apply', '--yes', '--mode', 'push', '--allow-destroy', '--destroy', NAME] as const
const MIGRATE = ['apply', '--yes', '--allow-destroy', '--destroy', STREAM] as const

/** Two for each declared stream. */
const CURSORS = 2 * contracts.streams.length

let broker: TestBroker
let manager: JetStreamManager

beforeEach(async () => {
  broker = await startBroker()
  manager = await jetstreamManager(await broker.raw('admin'))
})
afterEach(() => broker[Symbol.asyncDispose]())

/** `pnpm ops` as a process of its own, which a test can end. */
const starting = (...args: string[]) =>
  start(
    {
      NATS_SERVERS: broker.server.url,
      NATS_ADMIN_PASSWORD: authOf('admin').password,
      NATS_MIGRATOR_PASSWORD: authOf('migrator').password,
    },
    ...args,
  )
const ops = (...args: string[]) => starting(...args).ended
const consumer = () => manager.consumers.info(STREAM, CONSUMER)
const isPaused = () => waitFor(async () => (await consumer()).paused === true, { what: 'the consumer to be drained' })
const publish = async (count: number) => {
  const producer = await broker.raw('producer')
  for (let n = 0; n < count; n++) await producer.request('alarm.to.bot', `{"message":"${n}"}`)
}

/** The declared streams; in memory, which the server cannot change. */
async function setUp(inMemory = false): Promise<void> {
  if (!inMemory) {
    await applyDeclared(broker, {}, [])
    return
  }
  const [declared, ...companions] = contracts.streams.flatMap((stream) => withCompanions(stream))
  await manager.streams.add({ ...declared, name: STREAM, max_bytes: 40 * 1024 * 1024, storage: StorageType.Memory })
  for (const companion of companions) await manager.streams.add(companion)
}

/** Whoever has a message and does not settle it holds up every move. Settled by what is returned. */
async function holdOne(): Promise<() => Promise<void>> {
  const migrator = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  await migrator.consumers.add(STREAM, {
    durable_name: CONSUMER,
    ack_policy: AckPolicy.Explicit,
    filter_subject: 'alarm.to.bot',
    ack_wait: 600 * 1e9,
    max_ack_pending: 17,
  })
  await publish(1)
  const app = await broker.raw('alarm-consumer')
  const { reply } = await app.request(`$JS.API.CONSUMER.MSG.NEXT.${STREAM}.${CONSUMER}`, '{"batch":1}', {
    timeout: 5_000,
    noMux: true,
  })
  return async () => {
    app.publish(reply as string, '+ACK')
    await app.flush()
  }
}

async function expectAsBefore(): Promise<void> {
  const { config, paused = false } = await consumer()
  expect({ paused, bound: config.max_ack_pending }).toEqual({ paused: false, bound: 17 })
  expect(Object.keys(config.metadata ?? {})).not.toContain('alarm-bus.drained')
}

test.each(['SIGINT', 'SIGTERM'] as const)('%s while a consumer is drained: it goes on as before', async (signal) => {
  await setUp()
  await holdOne()
  const { child, ended, said } = starting(...MOVE)
  await isPaused()
  child.kill(signal)
  expect(await ended).toMatchObject({ code: 1 })
  expect(said.err).toContain(`ops apply: ${signal}: putting back what is half done`)
  expect(said.err).toContain(`${NAME}: ${CONSUMER} of ${STREAM} still has 1 messages`)
  await expectAsBefore()
})

test('SIGKILL while a consumer is drained: plan shows it, and apply lets it go on', async () => {
  await setUp()
  await holdOne()
  const { child, ended } = starting(...MOVE)
  await isPaused()
  child.kill('SIGKILL')
  await ended
  await publish(3)
  expect((await consumer()).paused).toBe(true)
  const shown = await ops('plan')
  expect(shown.code).toBe(2)
  expect(shown.out).toContain(
    `${NAME}: resume: paused by an apply that was cut off; 3 messages unread\n  paused: true → unset\n  max_ack_pending: 1 → 17\n`,
  )
  expect(await ops('apply', '--yes')).toMatchObject({ code: 0, out: expect.stringContaining(`${NAME}: resumed\n`) })
  await expectAsBefore()
  expect((await ops('plan')).code).toBe(0)
})

test('SIGKILL while a consumer is drained: the same apply moves it, with the bound of the new mode', async () => {
  await setUp()
  const settle = await holdOne()
  const { child, ended } = starting(...MOVE)
  await isPaused()
  child.kill('SIGKILL')
  await ended
  await settle()
  expect(await ops(...MOVE)).toMatchObject({ code: 0 })
  const { config, paused = false } = await consumer()
  expect(config).toMatchObject({ max_ack_pending: 16, deliver_group: CONSUMER })
  expect(paused).toBe(false)
  expect(Object.keys(config.metadata ?? {})).not.toContain('alarm-bus.drained')
})

test(
  'an app whose consumer an apply has left paused is not well while messages wait',
  { timeout: 90_000 },
  async () => {
    await setUp()
    await makeConsumers(manager, ['alarm-consumer'])
    const alarms = startConsumer(broker, 'alarm-consumer', [alarmToBot])
    await publish(1)
    await waitFor(() => alarms.handled.length === 1 && alarms.bus.health().ready)
    // As a run leaves it that was killed while it drained.
    const migrator = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
    const { config } = await consumer()
    await migrator.consumers.update(STREAM, CONSUMER, {
      max_ack_pending: 1,
      metadata: { ...config.metadata, 'alarm-bus.drained': String(config.max_ack_pending) },
    })
    await migrator.consumers.pause(STREAM, CONSUMER, new Date(Date.now() + 15 * 60_000))
    await publish(20)
    await waitFor(() => !alarms.bus.health().ready, { deadlineMs: 60_000, what: 'a check that is not well' })
    expect(alarms.bus.health().checks.filter(({ ok }) => !ok)).toMatchObject([
      { detail: expect.stringMatching(/the consumer is paused on the broker.*20 messages wait/) },
    ])
    expect((await ops('apply', '--yes')).code).toBe(0)
    await waitFor(() => alarms.handled.length === 21, { deadlineMs: 30_000 })
    await waitFor(() => alarms.bus.health().ready, { deadlineMs: 60_000 })
    await alarms.stop()
  },
)

test('SIGINT while a stream is migrated: it is put back, and its apps go on', async () => {
  await setUp(true)
  await holdOne()
  const before = (await manager.streams.info(STREAM)).config
  const { child, ended, said } = starting(...MIGRATE)
  await isPaused()
  child.kill('SIGINT')
  expect((await ended).code).toBe(1)
  expect(said.err).toContain('interrupted')
  expect((await manager.streams.info(STREAM)).config).toEqual(before)
  await expect(manager.streams.info(`${STREAM}_MIGRATION`)).rejects.toThrow('not found')
  await expectAsBefore()
})

test('SIGKILL while a stream is migrated: plan shows it, and apply finishes it', async () => {
  await setUp(true)
  const settle = await holdOne()
  const { child, ended } = starting(...MIGRATE)
  await isPaused()
  child.kill('SIGKILL')
  await ended
  await settle()
  expect((await ops('plan')).out).toContain(`${STREAM}: go on with its migration\n`)
  expect(await ops(...MIGRATE)).toMatchObject({ code: 0 })
  const { config, state } = await manager.streams.info(STREAM)
  expect({ storage: config.storage, messages: state.messages }).toEqual({ storage: 'file', messages: 1 })
  expect(Object.keys(config.metadata ?? {}).filter((key) => /migrat/.test(key))).toEqual([])
  await expectAsBefore()
  // Consumers that were not there are no part of the migration.
  expect((await ops('apply', '--yes')).code).toBe(0)
  expect((await ops('plan')).code).toBe(0)
})

test('the broker goes away in the midst: the change by its name, and what to do', async () => {
  await setUp()
  await holdOne()
  const { ended } = starting(...MOVE)
  await isPaused()
  await broker.server.kill()
  const { code, err } = await ended
  expect(code).toBe(1)
  expect(err).toMatch(new RegExp(`ops apply: ${NAME}: the broker went away .*; run \`pnpm ops apply\` again`))
})

test('two applies at once: the second one waits, and says for whom', async () => {
  await setUp()
  const settle = await holdOne()
  const first = starting(...MOVE)
  await isPaused()
  const second = await ops('apply', '--yes', '--wait-ms', '700')
  expect(second.code).toBe(1)
  expect(second.err).toContain(`waiting for another apply (process ${first.child.pid} on `)
  expect(second.err).toContain('another apply is running')
  expect((await ops('plan')).err).toContain(`ops plan: an apply is at work (process ${first.child.pid} on `)
  const third = starting('apply', '--yes', '--wait-ms', '20000')
  await waitFor(() => third.said.err.includes('waiting for another apply'))
  await settle()
  expect(await first.ended).toMatchObject({ code: 0 })
  expect(await third.ended).toMatchObject({ code: 0 })
})

test('two applies that begin at the same moment: both end well, and each change is made once', async () => {
  const [one, other] = await Promise.all([ops('apply', '--yes'), ops('apply', '--yes')])
  expect({ codes: [one.code, other.code], err: one.err + other.err }).toMatchObject({ codes: [0, 0] })
  // With the cursors of dead letters, and the consumers of what is due and of stored requests.
  expect(`${one.out}${other.out}`.match(/: created\n/g)).toHaveLength(STREAM_NAMES.length + CURSORS + 9)
})

test('a broker whose nats.admin.conf is older: the apply says that it would not notice another one', async () => {
  await broker[Symbol.asyncDispose]()
  const older = readFileSync(`${repository}nats.admin.conf`, 'utf8').replaceAll(/,? *"alarm-bus\.apply"/g, '')
  broker = await startBroker({ files: { 'nats.admin.conf': older } as never })
  const { code, err } = await ops('apply', '--yes')
  expect({ code, err }).toEqual({
    code: 0,
    err: expect.stringContaining('another apply would not be noticed; renew nats.admin.conf'),
  })
  expect((await ops('plan')).code).toBe(0)
})

test('a broker whose admin may make the apps’ consumers alone: the cursors of dead letters are said to be missing, and all else is made', async () => {
  await broker[Symbol.asyncDispose]()
  const now = readFileSync(`${repository}nats.admin.conf`, 'utf8')
  const narrow = [STREAM, `${STREAM}_REDRIVE`, `${STREAM}_SCHEDULES_alarm-to-bot`]
    .map((name) => `"$JS.API.CONSUMER.CREATE.${name}.*.>"`)
    .join(', ')
  const narrower = now.replace('"$JS.API.CONSUMER.CREATE.*.*.>"', () => narrow)
  expect(narrower).not.toBe(now)
  broker = await startBroker({ files: { 'nats.admin.conf': narrower } as never })
  const { code, out } = await ops('apply', '--yes')
  expect(code).toBe(0)
  expect(out).toMatch(/BASQUIAT_STREAM_DLQ\/dead-letter-watch: blocked: .*reload the broker with the nats\.admin\.conf/)
  expect(out).toContain('BASQUIAT_STREAM_DLQ: created\n')
  expect((await ops('plan')).out).toContain(`${CURSORS} to create`)
})

test('a broker whose admin may make no consumer: what is missing is an error that says what to do', async () => {
  await broker[Symbol.asyncDispose]()
  const now = readFileSync(`${repository}nats.admin.conf`, 'utf8')
  broker = await startBroker({ files: { 'nats.admin.conf': now.replace(/.*CONSUMER\.CREATE.*\n/, '') } as never })
  const { code, err } = await ops('apply', '--yes')
  expect(code).toBe(1)
  expect(err).toContain('BASQUIAT_STREAM/alarm-consumer_alarm-to-bot')
  expect(err).toContain('reload the broker with the nats.admin.conf of this release')
})

test('a consumer that another tool paused is shown, and left alone', async () => {
  await setUp()
  const settle = await holdOne()
  await settle()
  expect((await ops('apply', '--yes')).code).toBe(0)
  const migrator = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  await migrator.consumers.pause(STREAM, CONSUMER, new Date(Date.now() + 10 * 60_000))
  await publish(2)
  const { code, out } = await ops('apply', '--yes')
  expect(code).toBe(0)
  expect((await consumer()).paused).toBe(true)
  expect(out).toContain('nothing to do')
  expect((await ops('plan')).out).toContain(
    `${NAME}: left alone: paused on the broker for 10 min more by another tool; 2 messages unread\n`,
  )
})

test('the same destroy twice: what is done is done', async () => {
  await setUp()
  await manager.streams.add({ name: 'OTHER', subjects: ['other'], max_bytes: 1_000_000 })
  const destroy = ['apply', '--yes', '--allow-destroy', '--destroy', 'OTHER']
  expect(await ops(...destroy)).toMatchObject({ code: 0, out: expect.stringContaining('OTHER: destroyed\n') })
  const again = await ops(...destroy)
  expect(again).toMatchObject({ code: 0, err: '' })
  expect(again.out).toContain('OTHER: nothing to destroy: there is nothing of that name\n')
})
