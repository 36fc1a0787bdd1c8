import {
  type App,
  alarmToBot,
  basquiatStream,
  contracts as shipped,
  defineContracts,
  defineStream,
} from '@alarm-bus/contracts'
import {
  type Bus,
  createBus,
  createKvOnceStore,
  createJetStreamPublisher,
  DeadLetter,
  defineHandler,
} from '@alarm-bus/nats-kit'
import { deadLetterSharesStreamName, deadLetterStreamName, listDeadLetters } from '@alarm-bus/nats-kit/admin'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { expect, onTestFinished, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { applyStreams } from '../src/index.ts'
import { authOf, startBroker, type TestBroker } from './harness.ts'
import { opsOf } from './in-process.ts'
import { consumersOf } from './neighbours.ts'
import { runOps } from './run-ops.ts'

const STREAM = 'BASQUIAT_STREAM'
const MIB = 1024 * 1024
const apps = await readApps()
const handling = apps.filter(({ handles }) => handles.length > 0)
const PAIRS = handling.flatMap((hostile) =>
  handling.filter((one) => one !== hostile).map((well) => ({ hostile, well, of: `${hostile.name} and ${well.name}` })),
)

/** The declared stream with companions that are soon full. */
const contracts = defineContracts({
  channels: basquiatStream.channels,
  streams: [defineStream({ ...basquiatStream, maxBytes: MIB })],
})

/** The broker as it is shipped, and the streams of those contracts. */
async function startBus(
  streams = contracts.streams,
): Promise<{ readonly broker: TestBroker; readonly manager: JetStreamManager }> {
  const broker = await startBroker()
  onTestFinished(() => broker[Symbol.asyncDispose]())
  const consumers = { apps: await readApps(), contracts }
  await applyStreams({ servers: [broker.server.url], auth: authOf('admin'), streams, consumers })
  return { broker, manager: await jetstreamManager(await broker.raw('admin'), { checkAPI: false }) }
}

/** Puts as much on the subjects as the server takes. @returns its last answer. */
async function fill(client: NatsConnection, subjectAt: (i: number) => string, bytes = 128 * 1024): Promise<string> {
  let refusedBy = ''
  let i = 0
  for (const size of [bytes, 1]) {
    for (refusedBy = ''; refusedBy === ''; i++) {
      const answer = await client.request(subjectAt(i), new Uint8Array(size))
      refusedBy = answer.json<{ error?: { description: string } }>().error?.description ?? ''
    }
  }
  return refusedBy
}

/** All that the app's credentials store where others store as well. */
async function fillAll(app: App, client: NatsConnection): Promise<void> {
  for (const { durable } of consumersOf(app)) {
    expect(await fill(client, (i) => `dead-letter.${STREAM}.${durable}.${i}.1`)).toBe('maximum bytes exceeded')
    expect(await fill(client, () => `dead-letter-share.${STREAM}.${durable}`)).toMatch(/per subject/)
    if (app.onceOnly) await fill(client, (i) => `$KV.${STREAM}_ONCE.${durable}.${i}.1`, 900)
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

function start(broker: TestBroker, app: App, handle: (text: string) => void, of = contracts): Bus {
  const bus = createBus({
    contracts: of,
    logger: collectLogs(),
    connection: { servers: [broker.server.url], name: app.name, auth: authOf(app.name) },
    streams: { mode: 'verify' },
    subscriber: {
      handlers: app.handles.map(({ channel }) =>
        defineHandler(channel as typeof alarmToBot, (message) => handle(JSON.stringify(message))),
      ),
    },
  })
  onTestFinished(async () => void (await bus.stop(5_000)))
  void bus.start()
  return bus
}

test.each(PAIRS)(
  'of $of the first fills all that it may, and the other goes on: messages, dead letters, redrives',
  async ({ hostile, well }) => {
    const { broker, manager } = await startBus()
    await fillAll(hostile, await broker.raw(hostile.name))

    const handled: string[] = []
    const bus = start(broker, well, (text) => {
      if (text.includes('fails')) throw new DeadLetter('down')
      handled.push(text)
    })
    await waitFor(() => bus.health().ready)
    const publisher = createJetStreamPublisher(await broker.kit('producer'), { contracts })
    onTestFinished(() => publisher.close())
    for (const message of ['fails', 'goes on']) await publisher.publish(alarmToBot, { message })
    await waitFor(() => handled.length === 1)
    const consumer = `${well.name}_${alarmToBot.name}`
    const admin = await broker.kit('admin')
    const lettersOf = () => collect(listDeadLetters(admin, STREAM, { consumer }))
    await waitFor(async () => (await lettersOf()).length === 1)
    expect(bus.health().checks.filter(({ ok }) => !ok)).toEqual([])

    // The operator's tools see it: also that there is one in the stream of shares.
    const env = { NATS_SERVERS: broker.server.url, NATS_ADMIN_PASSWORD: authOf('admin').password }
    const listed = await runOps(['dlq', 'list', '--consumer', consumer, '--json'], env)
    expect(JSON.parse(listed.out)).toMatchObject({ count: 1, letters: [{ consumer, reason: 'handler_gave_up' }] })
    expect(
      (await manager.streams.info(deadLetterSharesStreamName(STREAM), { subjects_filter: '>' })).state.subjects,
    ).toMatchObject({
      [`dead-letter-share.${STREAM}.${consumer}`]: 1,
    })
    const redriven = await runOps(['dlq', 'redrive', '--consumer', consumer, '--apply', '--json'], env)
    expect(JSON.parse(redriven.out)).toMatchObject({ redriven: 1 })
    await waitFor(async () => (await lettersOf()).some(({ redrives }) => redrives === 1))
  },
  60_000,
)

test('records of what was handled: in a bucket that an app has filled what is recorded stays, and what cannot be is said', async () => {
  const { broker } = await startBus()
  const [hostile] = apps.filter(({ onceOnly }) => onceOnly) as [App]
  const client = await broker.raw(hostile.name)
  const [own] = consumersOf(hostile)
  const store = createKvOnceStore(await broker.kit(hostile.name), { budgetMs: 1_000 })
  onTestFinished(() => store.close())
  const key = { stream: STREAM, consumer: own?.durable ?? '', seq: 1, storedAt: new Date(1) }
  const claim = await store.claim(key)
  if (typeof claim === 'string') throw new Error(claim)
  await claim.done()
  expect(await fill(client, (i) => `$KV.${STREAM}_ONCE.${own?.durable}.${i}.2`, 900)).toMatch(/bytes exceeded/)
  // What is recorded stays, and what cannot be is said.
  expect(await store.claim(key)).toBe('done')
  await expect(store.claim({ ...key, seq: 2 })).rejects.toMatchObject({ code: 'broker_unavailable' })
})

test('claims: an app that fills them has ids refused for as long, and messages without ids are stored', async () => {
  const { broker } = await startBus()
  await fill(await broker.raw('producer'), (i) => `idempotency.${STREAM}.${i}`)
  const connection = await broker.kit('producer')
  const publisher = createJetStreamPublisher(connection, { contracts, idempotency: true, budgetMs: 1_000 })
  onTestFinished(() => publisher.close())
  await expect(publisher.publish(alarmToBot, { message: 'x' }, { id: 'a' })).rejects.toMatchObject({
    code: 'broker_unavailable',
    message: expect.stringContaining('maximum bytes exceeded'),
  })
  await publisher.publish(alarmToBot, { message: 'x' })
})

test('a broker without shares is given them by plan and apply, and keeps each dead letter', async () => {
  const { broker, manager } = await startBus(shipped.streams)
  const migrator = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  await migrator.streams.delete(deadLetterSharesStreamName(STREAM))
  const [app] = handling as [App]
  const fails = (): void => {
    throw new DeadLetter('down')
  }
  const bus = start(broker, app, fails, shipped)
  await waitFor(() => bus.health().ready)
  const publisher = createJetStreamPublisher(await broker.kit('producer'), { contracts: shipped })
  onTestFinished(() => publisher.close())
  const admin = await broker.kit('admin')
  const lettersOf = () => collect(listDeadLetters(admin, STREAM, { consumer: `${app.name}_${alarmToBot.name}` }))
  await publisher.publish(alarmToBot, { message: 'before' })
  await waitFor(async () => (await lettersOf()).length === 1)
  // Full, and without shares: held, as before there were any.
  await manager.streams.update(deadLetterStreamName(STREAM), { max_msgs: 1 })
  await publisher.publish(alarmToBot, { message: 'held' })
  await waitFor(() => bus.health().checks.some(({ detail }) => detail.includes('dead letters cannot be stored')), {
    deadlineMs: 30_000,
  })
  const created = { action: 'create', stream: deadLetterSharesStreamName(STREAM) }
  const planned = await opsOf(broker, {}, 'plan', '--streams-only', '--json')
  expect(JSON.parse(planned.out).changes).toContainEqual(expect.objectContaining(created))
  expect(await opsOf(broker, {}, 'apply', '--streams-only', '--yes')).toMatchObject({ code: 0 })
  await waitFor(async () => (await lettersOf()).length === 2, { deadlineMs: 30_000 })
  expect((await manager.streams.info(created.stream)).config.discard_new_per_subject).toBe(true)
  expect(JSON.parse((await opsOf(broker, {}, 'plan', '--streams-only', '--json')).out).changes).toEqual([])
}, 60_000)
