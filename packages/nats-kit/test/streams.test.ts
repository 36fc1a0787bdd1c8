import { StorageType } from '@nats-io/jetstream'
import { expect, test } from 'vitest'
import { ensureStreams, KitErrorCode, type StreamMode } from '../src/index.ts'
import { makeContracts, manager, open, type TestContracts, useBroker } from './harness.ts'

const broker = useBroker()

async function setUp(made: TestContracts = makeContracts()) {
  const connection = await open(broker.current)
  const apply = (mode: StreamMode = 'apply', stream = made.stream, options = {}) =>
    ensureStreams(connection, [stream], { mode, hint: 'run: set it up', ...options })
  const live = async () => (await (await manager(connection)).streams.info(made.stream.name)).config
  return { ...made, connection, apply, live }
}

test('creates what is missing, with its companions, and finds nothing to do the second time', async () => {
  const { apply, live, stream, toBot, toLog } = await setUp()
  expect((await apply()).map((plan) => plan.action)).toEqual(Array.from({ length: 6 }, () => 'create'))
  expect(await live()).toMatchObject({
    subjects: [toBot.subject, toLog.subject],
    storage: 'file',
    discard: 'old',
    max_age: stream.maxAgeMs * 1e6,
    max_msgs: 100_000,
    allow_msg_ttl: true,
    duplicate_window: 120e9,
    num_replicas: 1,
  })
  expect((await apply()).map((plan) => plan.action)).toEqual(Array.from({ length: 6 }, () => 'none'))
})

test('updates what differs and logs each changed field', async () => {
  const { apply, live, stream, connection } = await setUp()
  await apply()
  const wider = { ...stream, maxMessages: 500_000, maxAgeMs: 7_200_000 }
  const plans = await apply('apply', wider)
  expect(plans[0]).toMatchObject({
    action: 'update',
    changes: [
      { field: 'max_age' },
      { field: 'max_msgs', live: 100_000, declared: 500_000 },
      { field: 'metadata.alarm-bus.config' },
    ],
  })
  expect(await live()).toMatchObject({ max_msgs: 500_000, max_age: 7_200e9 })
  const logged = connection.logs.lines.filter(
    ({ fields }) => fields['action'] === 'updated' && fields['stream'] === stream.name,
  )
  expect(logged.map(({ fields }) => [fields['field'], fields['before'], fields['after']])).toEqual([
    ['max_age', 3_600e9, 7_200e9],
    ['max_msgs', 100_000, 500_000],
    ['metadata.alarm-bus.config', expect.any(String), expect.any(String)],
  ])
})

test('what a person added on the broker beyond the declaration stays', async () => {
  const { apply, live, stream, connection } = await setUp()
  await apply()
  const jsm = await manager(connection)
  await jsm.streams.update(stream.name, { ...(await live()), metadata: { owner: 'ops' } })
  await apply('apply', { ...stream, maxMessages: 500_000 })
  expect(await live()).toMatchObject({ max_msgs: 500_000 })
  expect((await live()).metadata).toMatchObject({ owner: 'ops' })
})

test('a field that the server cannot change is an error that names it, and nothing is changed', async () => {
  const { apply, live, stream } = await setUp()
  await apply('apply', { ...stream, storage: 'memory' })
  await expect(apply('apply', { ...stream, maxMessages: 500_000 })).rejects.toMatchObject({
    code: KitErrorCode.StreamImmutable,
    message: expect.stringContaining('storage: "memory" → "file"'),
  })
  expect(await live()).toMatchObject({ storage: StorageType.Memory, max_msgs: 100_000 })
})

test('verify touches nothing: a missing stream is named with what to run', async () => {
  const { apply, connection, stream } = await setUp()
  await expect(apply('verify')).rejects.toMatchObject({
    code: KitErrorCode.StreamMissing,
    message: `stream ${stream.name} is not on the broker; run: set it up`,
  })
  await expect((await manager(connection)).streams.info(stream.name)).rejects.toThrow('stream not found')
})

test('verify touches nothing: a different stream is named field by field', async () => {
  const { apply, live, stream } = await setUp()
  await apply()
  await expect(apply('verify', { ...stream, maxMessages: 500_000 })).rejects.toMatchObject({
    code: KitErrorCode.StreamDifferent,
    message: expect.stringMatching(/max_msgs: 100000 → 500000; run: set it up$/),
  })
  expect((await live()).max_msgs).toBe(100_000)
  await apply('verify')
})

test('verify is content with what a newer release added: a channel, a higher limit', async () => {
  const { apply, live, stream, toBot, toLog, connection } = await setUp()
  await apply()
  const older = { ...stream, channels: [toBot], maxMessages: 5, maxAgeMs: 600_000, description: 'Older words.' }
  await apply('verify', older)
  await expect(apply('verify', { ...older, discard: 'new' })).rejects.toMatchObject({
    message: expect.not.stringContaining('max_msgs'),
  })
  await expect(apply('verify', { ...older, discard: 'new' })).rejects.toThrow('discard: "old" → "new"')
  expect((await live()).subjects).toEqual([toBot.subject, toLog.subject].sort())
  await (await manager(connection)).streams.update(stream.name, { subjects: [toBot.subject] })
  await expect(apply('verify')).rejects.toMatchObject({ code: KitErrorCode.StreamDifferent })
})

test.each(['verify', 'create', 'apply'] as const)(
  'a stream that was migrated from memory to file is enough for the release before (%s)',
  async (mode) => {
    const { apply, live, stream } = await setUp()
    await apply()
    await apply(mode, { ...stream, storage: 'memory', maxMessages: 5 })
    expect(await live()).toMatchObject({ storage: StorageType.File, max_msgs: 100_000 })
  },
)

test('create makes what is missing, is content with more than declared, and refuses to change what is there', async () => {
  const { apply, stream, live } = await setUp()
  await apply('create')
  await apply('create', { ...stream, maxMessages: 5 })
  expect((await live()).max_msgs).toBe(100_000)
  await expect(apply('create', { ...stream, maxMessages: 500_000 })).rejects.toMatchObject({
    code: KitErrorCode.StreamDifferent,
  })
})

test('replicas: not configured, the broker’s number stays; configured, it is asked for', async () => {
  const { apply, live, stream } = await setUp()
  await apply()
  await apply('apply', { ...stream, replicas: 3 })
  expect((await live()).num_replicas).toBe(1)
  // One server cannot hold three copies: the request reaches it and is refused by name.
  await expect(apply('apply', stream, { replicas: 3 })).rejects.toMatchObject({
    code: KitErrorCode.StreamRefused,
    message: expect.stringContaining('num_replicas: 1 → 3'),
  })
})

test('two apps that apply at once end with one stream', async () => {
  const made = makeContracts()
  const parties = await Promise.all(Array.from({ length: 4 }, () => setUp(made)))
  await Promise.all(parties.map(({ apply }) => apply()))
  expect((await parties[0]?.live())?.max_msgs).toBe(100_000)
})
