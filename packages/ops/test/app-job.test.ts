import { readFileSync } from 'node:fs'
import { type App, type Channel, contracts, defineApp } from '@alarm-bus/contracts'
import {
  type Connection,
  createJetStreamPublisher,
  DeadLetter,
  defineHandler,
  KitErrorCode,
  createBus,
  type SubscriberOptions,
} from '@alarm-bus/nats-kit'
import { RedriveHeader, redriveDeadLetters } from '@alarm-bus/nats-kit/admin'
import { collectLogs, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { describe, expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { appPermissions } from '../src/permissions/app-permissions.ts'
import { renderAccounts } from '../src/permissions/render-accounts.ts'
import { filled, filledApp, filledContracts } from './any-message.ts'
import {
  applyDeclared,
  authOf,
  devEnvironment,
  oneAccount,
  startBroker,
  type TestBroker,
  type TestBrokerOptions,
  wholeConf,
} from './harness.ts'

// Of every app there is, so that a new one is covered without a test of its own.
const apps = await readApps()
const handling = apps.filter(({ handles }) => handles.length > 0)
const publishing = apps.filter(({ publishes }) => publishes.length > 0)

/** Channels; stored requests have tests of their own. */
const handlesOf = (app: App): App['handles'] => app.handles.filter(({ ofRequest }) => !ofRequest)

/** What the file said when kits before 1.0 were released: an app is deployed before the broker is given the new one. */
const OLD_USERS = readFileSync(new URL('before-1.0/nats.permissions.conf', import.meta.url), 'utf8')

const FILES = {
  now: {},
  'one account': {
    files: renderAccounts(
      apps.map((app) => appPermissions(app, contracts, { shapesConsumers: true })),
      { oneAccount: true },
    ),
  },
  'before 1.0': { files: oneAccount(OLD_USERS) },
}

const WAYS = (['pull', 'push'] as const).flatMap((mode) => [
  { mode, acks: 'v1' as const, users: 'now' as const },
  { mode, acks: 'v2' as const, users: 'now' as const },
  { mode, acks: 'v1' as const, users: 'before 1.0' as const },
  { mode, acks: 'v1' as const, users: 'one account' as const },
])
const CASES = handling.flatMap((app) => WAYS.map((way) => ({ name: app.name, app, ...way })))

async function prepare(
  options: TestBrokerOptions = {},
  mode: 'pull' | 'push' = 'pull',
): Promise<TestBroker & { readonly admin: Connection; manager: JetStreamManager }> {
  const broker = await startBroker(options)
  for (const delivery of ['queue-group', 'fan-out'] as const) await applyDeclared(broker, { mode, delivery })
  const admin = await broker.kit('admin')
  return Object.assign(broker, { admin, manager: await jetstreamManager(admin.client, { checkAPI: false }) })
}

/** What the kit says when the broker refuses something, whether or not anything came of it. */
function troubleOf({ lines }: ReturnType<typeof collectLogs>, users: keyof typeof FILES): readonly unknown[] {
  // What is noted of consumers takes permissions of now; until then nothing is, and that is said.
  const isExpected = (line: object) => users === 'before 1.0' && /\.notes|is noted of/.test(JSON.stringify(line))
  const isTrouble = /errorOccurred|gapLookFailed|consumerLookFailed|ephemeralLeft/
  return lines.filter(
    (line) =>
      !isExpected(line) &&
      (isTrouble.test(String(line.fields['event'])) || /permissions violation/i.test(JSON.stringify(line))),
  )
}

/** One instance of an app, with a handler for each channel that does what the message's text says. */
async function startInstance(
  broker: TestBroker,
  declared: App,
  how: Pick<SubscriberOptions, 'mode' | 'delivery' | 'instanceId'>,
) {
  const app = filledApp(declared)
  const seen = { handled: [] as string[], letters: [] as string[], shapes: new Set<number>() }
  const logger = collectLogs()
  const bus = createBus({
    contracts: filledContracts,
    app,
    logger,
    connection: { servers: [broker.server.url], name: app.name, auth: authOf(app.name) },
    streams: { mode: 'verify' },
    subscriber: {
      ...how,
      handlers: handlesOf(app).map(({ channel }) =>
        defineHandler(
          filled(channel),
          ({ text }, context) => {
            const { reply } = context as unknown as { readonly reply: Uint8Array }
            seen.shapes.add(Buffer.from(reply).toString().split('.').length)
            if (text === 'twice' && context.deliveryCount === 1) throw new Error('not yet')
            if (text === 'not now' && context.header(RedriveHeader.Count) === undefined) throw new DeadLetter(text)
            seen.handled.push(`${channel.name} ${text} ${context.deliveryCount}`)
          },
          { maxDeliver: 3, retry: { baseMs: 10, capMs: 20 } },
        ),
      ),
    },
  })
  void bus.start()
  bus.events.on('deadLetterStored', ({ channel, reason }) => seen.letters.push(`${channel} ${reason}`))
  await waitFor(() => bus.health().ready, { what: `${app.name} (${how.delivery}) to be ready` })
  return { ...seen, bus, logger, stop: () => bus.stop(5_000) }
}

/** Stores four messages on a channel, as an app that may publish there. */
async function fill(broker: TestBroker, channel: Channel): Promise<void> {
  const writer = publishing.find(({ publishes }) => publishes.some(({ name }) => name === channel.name))
  if (!writer) throw new Error(`no app publishes ${channel.name}`)
  const connection = await broker.kit(writer.name)
  const publisher = createJetStreamPublisher(connection, { contracts: filledContracts })
  for (const text of ['once', 'twice', 'not now']) await publisher.publish(filled(channel), { text })
  await connection.client.request(channel.subject, 'not JSON')
}

describe('an app that handles does its whole job', () => {
  test.each(CASES)('$name, $mode, acks $acks, permissions of $users', async ({ app, mode, acks, users }) => {
    await using broker = await prepare(
      {
        ...(acks === 'v2' ? { extra: 'feature_flags { js_ack_fc_v2: true }' } : {}),
        ...FILES[users],
      },
      mode,
    )
    const { manager } = broker
    const shared = await startInstance(broker, app, { mode, delivery: 'queue-group' })
    // The last of the instances that are declared.
    const instanceId = String(app.fanOutInstances - 1)
    const own = app.fanOutInstances > 0 && (await startInstance(broker, app, { mode, delivery: 'fan-out', instanceId }))
    const running = own ? [shared, own] : [shared]
    const endings = own ? ['', `_${instanceId}`] : ['']
    for (const { channel } of handlesOf(app)) await fill(broker, channel)

    const names = handlesOf(app).map(({ channel }) => channel.name)
    const handled = names.flatMap((name) => [`${name} once 1`, `${name} twice 2`])
    const letters = names.flatMap((name) => [`${name} invalid_message`, `${name} handler_gave_up`])
    for (const instance of running) {
      await waitFor(() => instance.handled.length >= handled.length, { what: 'every message to be handled' })
      expect(instance.handled.toSorted()).toEqual(handled.toSorted())
      expect([...instance.shapes]).toEqual([acks === 'v2' ? 11 : 9])
      await waitFor(() => instance.letters.length >= letters.length, { what: 'every dead letter to be stored' })
      expect(instance.letters.toSorted()).toEqual(letters.toSorted())
    }
    // The broker's own word that everything is settled: four messages, one of them twice.
    for (const { channel } of handlesOf(app)) {
      const stream = contracts.streamOf(channel).name
      for (const ending of endings) {
        const durable = `${app.name}_${channel.name}${ending}`
        await waitFor(
          async () => {
            const { ack_floor, num_ack_pending, num_pending } = await manager.consumers.info(stream, durable)
            return num_ack_pending === 0 && num_pending === 0 && ack_floor.consumer_seq === 5
          },
          { what: `${durable} to have settled everything` },
        )
      }
    }

    // The letters of what the handlers gave up, sent to their consumers again.
    for (const { name } of contracts.streams)
      await redriveDeadLetters(
        broker.admin,
        name,
        { reason: 'handler_gave_up' },
        { dryRun: false, ratePerSecond: 1_000 },
      )
    for (const instance of running) {
      await waitFor(() => instance.handled.length >= handled.length + names.length, { what: 'every redriven message' })
      expect(instance.handled.toSorted()).toEqual([...handled, ...names.map((name) => `${name} not now 1`)].toSorted())
    }
    const left = async (ending: string): Promise<number> => {
      const infos = contracts.streams.map(({ name }) => manager.streams.info(`${name}_${ending}`))
      return (await Promise.all(infos)).reduce((sum, { state }) => sum + state.messages, 0)
    }
    await waitFor(async () => (await left('REDRIVE')) === 0, { what: 'every redriven message to be dealt with' })
    expect(await left('DLQ')).toBe(names.length * running.length)

    for (const instance of running) {
      expect(await instance.stop()).toMatchObject({ clean: true })
      expect(troubleOf(instance.logger, users)).toEqual([])
    }
  })
})

/** An app that is newer has no user there. */
const filesFor = (app: App) => (OLD_USERS.includes(`user: ${app.name}\n`) ? [{}, FILES['before 1.0']] : [{}])

test.each(publishing.flatMap((app) => filesFor(app).map((options) => ({ name: app.name, app, options }))))(
  '$name publishes in every way on every channel that it declares, with the permissions of now and before 1.0',
  async ({ app: declared, options }) => {
    await using broker = await prepare(options)
    const app = filledApp(declared)
    const logger = collectLogs()
    const bus = createBus({
      contracts: filledContracts,
      app: defineApp({ ...app, handles: [], onceOnly: false }),
      logger,
      connection: { servers: [broker.server.url], name: app.name, auth: authOf(app.name) },
      streams: { mode: 'verify' },
      publisher: { idempotency: app.idempotency },
    })
    void bus.start()
    await waitFor(() => bus.health().ready, { what: `${app.name} to be ready` })
    for (const channel of app.publishes.map(filled)) {
      const { allowMessageTtl } = filledContracts.streamOf(channel)
      const options = { id: `${channel.name}-1`, ...(allowMessageTtl && { ttlSeconds: 60 }) }
      const first = await bus.publisher.publish(channel, { text: 'one' }, options)
      expect(first).toMatchObject({ stream: filledContracts.streamOf(channel).name, duplicate: false })
      expect(await bus.publisher.publish(channel, { text: 'one' }, options)).toEqual({ ...first, duplicate: true })
      if (app.idempotency) {
        // The look at the claim that is there is a right of its own.
        await expect(bus.publisher.publish(channel, { text: 'two' }, { id: options.id })).rejects.toMatchObject({
          code: KitErrorCode.IdempotencyConflict,
        })
      }
      const many = [{ text: 'three' }, { text: 'four' }]
      expect(await bus.publisher.publishMany(channel, many)).toMatchObject({ lastSeq: first.seq + 2 })
      expect(await bus.publisher.publishStream(channel, many)).toMatchObject({ lastSeq: first.seq + 4 })
      await bus.corePublisher.publish(channel, { text: 'at most once' })
    }
    expect(await bus.stop(5_000)).toMatchObject({ clean: true })
    expect(troubleOf(logger, 'now')).toEqual([])
  },
)

test('with the permissions of before 1.0 a dead letter that needs parts waits for those of now, and others do not', async () => {
  const MAX_PAYLOAD = 40_000
  const extra = `max_payload: ${MAX_PAYLOAD}`
  await using broker = await prepare({ ...FILES['before 1.0'], extra })
  const app = handling[0] as App
  const { channel } = app.handles[0] as App['handles'][number]
  const instance = await startInstance(broker, app, { mode: 'pull', delivery: 'queue-group' })
  const producer = await broker.raw('producer')
  // No more than the broker takes, and with what is known of the failure too much for one message.
  await producer.request(channel.subject, 'x'.repeat(MAX_PAYLOAD - 100))
  await waitFor(() => !instance.bus.health().ready, { what: 'the app to say that it cannot store a dead letter' })
  const said = instance.bus.health().checks.flatMap(({ ok, detail }) => (ok ? [] : [detail]))
  expect(said.join()).toMatch(/dead letters cannot be stored: .*dead-letter\..*\.1/)
  await producer.request(channel.subject, '{"text":"not now"}')
  await producer.request(channel.subject, '{"text":"once"}')
  await waitFor(() => instance.handled.length === 1 && instance.letters.length === 1)
  expect(instance.letters).toEqual([`${channel.name} handler_gave_up`])

  // `pnpm ops permissions`, and the broker with them.
  await broker.server.kill()
  const { port, storeDir } = broker.server
  await using _ = await startTestBroker({ port, storeDir, configText: `${wholeConf()}\n${extra}`, env: devEnvironment })
  await waitFor(() => instance.letters.length === 2, { what: 'the dead letter in parts', deadlineMs: 30_000 })
  expect(instance.letters[1]).toBe(`${channel.name} invalid_message`)
  await waitFor(() => instance.bus.health().ready)
  expect(await instance.stop()).toMatchObject({ clean: true })
})
