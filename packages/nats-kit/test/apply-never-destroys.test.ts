import type { Stream } from '@alarm-bus/contracts'
import type { StreamConfig } from '@nats-io/jetstream'
import { expect, test } from 'vitest'
import { ensureStreams, KitErrorCode } from '../src/index.ts'
import { StreamKeeper } from '../src/lifecycle/stream-keeper.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, makeContracts, manager, onEnd, open, startBroker, useBroker } from './harness.ts'

const broker = useBroker()

/** A stream as the newer version of the contracts declares it, and a connection to look at it. */
async function setUp() {
  const made = makeContracts()
  const connection = await open(broker.current)
  const { streams } = await manager(connection)
  const newer = made.stream
  return {
    ...made,
    newer,
    connection,
    streams,
    apply: (stream: Stream) => ensureStreams(connection, [stream], { mode: 'apply' }),
    live: async () => (await streams.info(newer.name)).config,
    edit: (change: Partial<StreamConfig>) => streams.update(newer.name, change),
  }
}

/** An app's keeper on a connection of its own, which counts how often its stream was looked at and changed. */
async function keeperOf(stream: Stream) {
  const connection = await open(broker.current)
  let changed = 0
  connection.events.on('streamChanged', () => changed++)
  const looks = { everyMs: 20, retryMs: 20, maxRetryMs: 20 }
  const keeper = new StreamKeeper(connection, [stream], { mode: 'apply' }, looks)
  onEnd(() => keeper.stop())
  return { keeper, changed: () => changed }
}

test('an older version with lower limits drops nothing of what a newer one stored', async () => {
  const { apply, newer, toBot, connection, live } = await setUp()
  await apply(newer)
  for (let n = 0; n < 100; n++) await connection.client.request(toBot.subject, JSON.stringify({ message: `${n}` }))
  const before = await live()
  const older = {
    ...newer,
    maxMessages: 10,
    maxBytes: 1_000_000,
    maxAgeMs: 600_000,
    maxMessageBytes: 70_000,
    duplicateWindowMs: 60_000,
    allowMessageTtl: false,
    description: 'Older words.',
  }
  expect((await apply(older)).map(({ action }) => action)).toEqual(Array.from({ length: 6 }, () => 'none'))
  expect(await countMessages(connection, newer.name)).toBe(100)
  expect(await live()).toEqual(before)
})

test('an older version without a channel leaves its subject, and adds its own', async () => {
  const { apply, newer, toBot, toLog, connection, live } = await setUp()
  await apply({ ...newer, channels: [toBot] })
  await apply({ ...newer, channels: [toLog] })
  expect((await live()).subjects).toEqual([toBot.subject, toLog.subject].sort())
  await apply({ ...newer, channels: [toBot] })
  await connection.client.request(toLog.subject, '{}')
  expect(await countMessages(connection, newer.name)).toBe(1)
})

test('two versions side by side, each with more of something: one stream that has it all, not written back and forth', async () => {
  const { newer, toBot, toLog, live, connection, streams } = await setUp()
  const older = { ...newer, channels: [toBot], maxMessages: 10, maxAgeMs: 7_200_000, description: 'Older words.' }
  const other = { ...newer, channels: [toLog] }
  let looks = 0
  connection.client.subscribe(`$JS.API.STREAM.INFO.${newer.name}`, { callback: () => void looks++ })
  await connection.client.flush()
  const apps = [await keeperOf(other), await keeperOf(older)]
  for (const { keeper } of apps) keeper.start()
  await waitFor(() => apps.every(({ keeper }) => keeper.check().ok), { what: 'both apps are ready' })
  await waitFor(async () => (await live()).max_age === 7_200e9 && (await live()).max_msgs === 100_000)
  const [settled, from] = [apps.map(({ changed }) => changed()), looks]
  const before = await streams.info(newer.name)
  await waitFor(() => looks >= from + 60, { what: '60 looks more', deadlineMs: 60_000 })
  expect(apps.map(({ changed }) => changed())).toEqual(settled)
  expect(apps.every(({ keeper }) => keeper.check().ok)).toBe(true)
  expect((await streams.info(newer.name)).config).toEqual(before.config)
  expect(before.config).toMatchObject({
    subjects: [toBot.subject, toLog.subject].sort(),
    max_msgs: 100_000,
    max_age: 7_200e9,
  })
})

test('two versions that create the stream at the same moment both end well', async () => {
  const { apply, newer, toBot, live } = await setUp()
  const older = { ...newer, channels: [toBot], maxMessages: 10 }
  await Promise.all([apply(older), apply(newer), apply(older), apply(newer)])
  await apply(newer)
  expect((await live()).max_msgs).toBe(100_000)
})

test('a wildcard that covers the declared subjects is enough', async () => {
  const { apply, newer, toBot, edit, live } = await setUp()
  await apply(newer)
  const wildcard = toBot.subject.replace(/^([^.]+)\..*$/, '$1.>')
  await edit({ subjects: [wildcard] })
  expect((await apply(newer))[0]?.action).toBe('none')
  expect((await live()).subjects).toEqual([wildcard])
})

test('what an app does not decide makes it not ready, and nothing else of the stream is changed', async () => {
  const { apply, newer, live } = await setUp()
  await apply(newer)
  await expect(apply({ ...newer, discard: 'new', maxMessages: 500_000 })).rejects.toMatchObject({
    code: KitErrorCode.StreamDifferent,
    message: expect.stringContaining('discard: "old" → "new"'),
  })
  expect(await live()).toMatchObject({ discard: 'old', max_msgs: 100_000 })
})

test('a stream that refuses when it is full loses nothing, so who declares that the oldest goes is content', async () => {
  const { apply, newer, live } = await setUp()
  await apply({ ...newer, discard: 'new' })
  expect((await apply(newer))[0]?.action).toBe('none')
  expect((await live()).discard).toBe('new')
})

test('what a newer version turned on stays on', async () => {
  const { apply, newer, edit, live } = await setUp()
  await apply({ ...newer, allowMessageTtl: false })
  await edit({ allow_direct: true })
  await apply(newer)
  expect(await live()).toMatchObject({ allow_direct: true, allow_msg_ttl: true, allow_atomic: true })
  await apply({ ...newer, allowMessageTtl: false })
  expect(await live()).toMatchObject({ allow_direct: true, allow_msg_ttl: true })
})

test('more than one message a subject is kept where one was declared: to lower it would drop messages', async () => {
  const { apply, newer, streams } = await setUp()
  await apply(newer)
  const claims = `${newer.name}_IDEMPOTENCY`
  await streams.update(claims, { max_msgs_per_subject: 5 })
  await apply(newer)
  expect((await streams.info(claims)).config.max_msgs_per_subject).toBe(5)
})

test('companions that a release before made larger stay, in apply and in verify', async () => {
  const { apply, newer, streams, connection } = await setUp()
  const small = { ...newer, maxBytes: 1024 * 1024 }
  await apply(small)
  const larger = { max_bytes: 1024 * 1024 * 1024, max_msgs: 1_000_000 }
  for (const name of [`${newer.name}_DLQ`, `${newer.name}_IDEMPOTENCY`]) await streams.update(name, larger)
  for (const mode of ['apply', 'verify'] as const) {
    const plans = await ensureStreams(connection, [small], { mode })
    expect(plans.filter(({ action }) => action !== 'none')).toEqual([])
  }
  expect((await streams.info(`${newer.name}_DLQ`)).config).toMatchObject(larger)
})

test('a stream that is being migrated is left alone: its subjects are away on purpose', async () => {
  const { apply, newer, edit, live } = await setUp()
  await apply(newer)
  const { metadata } = await live()
  await edit({
    subjects: [`migrating.${newer.name}`],
    metadata: { ...metadata, 'alarm-bus.migrating': `${newer.name}_MIGRATION` },
  })
  await expect(apply(newer)).rejects.toMatchObject({
    code: KitErrorCode.StreamMigrating,
    message: expect.stringContaining('is being migrated'),
  })
  expect((await live()).subjects).toEqual([`migrating.${newer.name}`])
})

test.each(['apply', 'create'] as const)(
  'a stream whose messages are in the copy of a migration is not recreated (%s)',
  async (mode) => {
    const { newer, connection, streams } = await setUp()
    await streams.add({ name: `${newer.name}_MIGRATION`, subjects: [`migrating.${newer.name}_MIGRATION`] })
    await expect(ensureStreams(connection, [newer], { mode })).rejects.toMatchObject({
      code: KitErrorCode.StreamMigrating,
      message: expect.stringContaining(`${newer.name}_MIGRATION`),
    })
    await expect(streams.info(newer.name)).rejects.toThrow('stream not found')
  },
)

test('an app that may make its streams need not be allowed to look for copies of a migration', async () => {
  const made = makeContracts()
  const allow = ['INFO', 'CREATE', 'UPDATE'].flatMap((what) =>
    ['', '_DLQ', '_DLQ_SHARES', '_IDEMPOTENCY', '_REDRIVE']
      .map((suffix) => `"$JS.API.STREAM.${what}.${made.stream.name}${suffix}"`)
      .concat(`"$JS.API.STREAM.${what}.KV_${made.stream.name}_ONCE"`),
  )
  const server = await startBroker({
    configText: `
      jetstream { max_file: 1TB }
      authorization { users: [{ user: app, password: app, permissions: { publish: [${allow.join(', ')}], subscribe: "_INBOX_app.>" } }] }`,
  })
  const connection = await open(server, { auth: { user: 'app', password: 'app' }, inboxPrefix: '_INBOX_app' })
  const plans = await ensureStreams(connection, [made.stream], { mode: 'apply' })
  expect(plans.map(({ action }) => action)).toEqual(plans.map(() => 'create'))
})
