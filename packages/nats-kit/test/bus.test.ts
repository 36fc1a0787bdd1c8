import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { type BusOptions, defineHandler, ensureStreams, KitErrorCode, createBus } from '../src/index.ts'
import { collectLogs, waitFor } from '../src/testing.ts'
import { freePort, makeContracts, manager, onEnd, open, startBroker } from './harness.ts'

function create(url: string, options: Partial<BusOptions> = {}) {
  const made = makeContracts()
  const logger = collectLogs()
  const bus = createBus({
    contracts: made.contracts,
    connection: { servers: [url], name: 'app', reconnectDelayMs: 50, reconnectJitterMs: 10 },
    logger,
    ...options,
  })
  onEnd(() => bus.stop(2_000))
  return { ...made, bus, logger }
}

function start(url: string, options: Partial<BusOptions> = {}) {
  const created = create(url, options)
  void created.bus.start()
  return created
}

const notOk = (bus: ReturnType<typeof createBus>) =>
  bus
    .health()
    .checks.filter((check) => !check.ok)
    .map((check) => `${check.name}: ${check.detail}`)

test('broker absent at boot: not ready and says so, publishes wait in their budget, then everything runs', async () => {
  const port = await freePort()
  const handled: string[] = []
  const made = makeContracts()
  const { bus } = start(`127.0.0.1:${port}`, {
    contracts: made.contracts,
    publisher: {},
    subscriber: { handlers: [defineHandler(made.toBot, ({ message }) => void handled.push(message))] },
  })
  expect(bus.health()).toEqual({ ready: false, checks: [{ name: 'connection', ok: false, detail: 'connecting' }] })
  const error = await bus.publisher.publish(made.toBot, { message: 'x' }, { timeoutMs: 200 }).catch((e: unknown) => e)
  expect(error).toMatchObject({
    code: KitErrorCode.BrokerUnavailable,
    message: expect.stringContaining('nothing was stored'),
  })
  await expect(bus.corePublisher.publish(made.toBot, { message: 'x' })).rejects.toMatchObject({
    code: KitErrorCode.BrokerUnavailable,
  })
  await expect(bus.publisher.publish(made.toBot, { message: '' })).rejects.toMatchObject({
    code: KitErrorCode.InvalidMessage,
  })
  const waiting = [
    bus.publisher.publish(made.toBot, { message: 'one' }),
    bus.publisher.publishMany(made.toBot, [{ message: 'two' }]),
  ]
  await startBroker({ port })
  await waitFor(() => bus.health().ready)
  await Promise.all(waiting)
  await bus.publisher.publish(made.toBot, { message: 'now' })
  await waitFor(() => handled.length === 3)
  expect(await bus.stop(5_000)).toEqual({ clean: true, abandoned: [] })
})

test('a publish before start waits in its budget, and start can be awaited', async () => {
  const server = await startBroker()
  const made = makeContracts()
  await ensureStreams(await open(server), [made.stream], { mode: 'apply' })
  const { bus } = create(server.url, { contracts: made.contracts, publisher: {} })
  expect(bus.health()).toEqual({ ready: false, checks: [{ name: 'connection', ok: false, detail: 'not started' }] })
  const early = bus.publisher.publish(made.toBot, { message: 'early' })
  const stream = bus.publisher.publishStream(made.toBot, [{ message: 'a' }, { message: 'b' }])
  const aborted = bus.publisher.publishStream(made.toBot, [], { signal: AbortSignal.timeout(10) })
  await expect(aborted).rejects.toMatchObject({ code: KitErrorCode.Aborted, stored: 0 })
  await bus.start()
  expect(bus.health().ready).toBe(true)
  expect((await early).duplicate).toBe(false)
  expect(await stream).toMatchObject({ count: 2 })
})

test('a second start is the first one', async () => {
  const server = await startBroker()
  const made = makeContracts()
  let running = 0
  let most = 0
  let handled = 0
  const { bus } = create(server.url, {
    contracts: made.contracts,
    publisher: {},
    subscriber: {
      concurrency: 2,
      handlers: [
        defineHandler(made.toBot, async () => {
          most = Math.max(most, ++running)
          await new Promise((resolve) => setImmediate(resolve))
          running--
          handled++
        }),
      ],
    },
  })
  expect(bus.start()).toBe(bus.start())
  await bus.start()
  await Promise.all(Array.from({ length: 50 }, (_, i) => bus.publisher.publish(made.toBot, { message: `m${i}` })))
  await waitFor(() => handled === 50)
  expect(most).toBeLessThanOrEqual(2)
})

test('ready says what is not well, in time, by signal, and when the bus has failed or stopped', async () => {
  const { bus } = start(`127.0.0.1:${await freePort()}`, { publisher: {} })
  await expect(bus.ready({ timeoutMs: 50 })).rejects.toMatchObject({
    code: KitErrorCode.NotReady,
    message: expect.stringContaining('connection: connecting'),
  })
  await expect(bus.ready({ signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
    code: KitErrorCode.Aborted,
    message: expect.stringContaining('connection: connecting'),
  })
  for (const timeoutMs of [Number.NaN, Infinity, -1, 0, 2 ** 31]) {
    await expect(bus.ready({ timeoutMs })).rejects.toMatchObject({ code: KitErrorCode.InvalidOptions })
  }
  const waiting = bus.ready()
  const started = bus.start()
  const stopped = bus.stop(1_000)
  await expect(waiting).rejects.toMatchObject({ code: KitErrorCode.Closed })
  await expect(started).rejects.toMatchObject({ code: KitErrorCode.Closed })
  expect(bus.stop(5_000)).toBe(stopped)
  expect(await stopped).toEqual({ clean: true, abandoned: [] })
})

test('an invalid option is refused before anything is opened, and a bus that cannot begin closes its socket', async () => {
  const server = await startBroker()
  const made = makeContracts()
  const connections = async (): Promise<number> => {
    const answer = await fetch(`${server.monitorUrl}/connz`)
    return ((await answer.json()) as { readonly num_connections: number }).num_connections
  }
  const invalid: readonly Partial<BusOptions>[] = [
    { publisher: { budgetMs: 0 } },
    { publisher: { maxInFlight: Number.NaN } },
    { publisher: { attemptTimeoutMs: 2 ** 31 } },
    { publisher: { budgetMs: made.stream.duplicateWindowMs } },
    { publisher: { idempotency: true, budgetMs: 60_000 } },
    { connection: { servers: ['http://nowhere'], name: 'app' } },
    { connection: { servers: [], name: 'app' } },
    { connection: { servers: [server.url], name: 'app', reconnectDelayMs: Number.NaN } },
  ]
  for (const options of invalid) {
    expect(() => create(server.url, { contracts: made.contracts, ...options }), JSON.stringify(options)).toThrow(
      expect.objectContaining({ code: KitErrorCode.InvalidOptions }),
    )
  }
  const { bus } = create(server.url, {
    contracts: made.contracts,
    subscriber: { handlers: [defineHandler(made.toBot, () => undefined)] },
  })
  await bus.start()
  expect(await connections()).toBe(1)
  await bus.stop(2_000)
  await waitFor(async () => (await connections()) === 0)
})

test.each([Number.NaN, -5, 0, 0.5])('stop(%s) ends, and closes the connection', async (timeoutMs) => {
  const server = await startBroker()
  const { bus } = start(server.url, { publisher: {} })
  await bus.ready()
  await bus.stop(timeoutMs)
  expect(bus.health().checks.find(({ name }) => name === 'connection')).toMatchObject({ detail: 'closed' })
})

test('verify: a missing stream makes the app not ready and says what to run; applied, it becomes ready', async () => {
  const server = await startBroker()
  const made = makeContracts()
  const { bus, logger } = start(server.url, {
    contracts: made.contracts,
    streams: { mode: 'verify', hint: 'run: set them up' },
    subscriber: { handlers: [defineHandler(made.toBot, () => undefined)] },
  })
  await waitFor(() => notOk(bus).some((line) => line.includes('not on the broker; run: set them up')))
  const said = () => logger.lines.filter((line) => line.fields['event'] === 'streamsNotReady')
  expect(said()).toHaveLength(1)
  const admin = await open(server)
  await ensureStreams(admin, [made.stream], { mode: 'apply' })
  await waitFor(() => bus.health().ready)
  // A stream that goes is noticed by who uses it, and looked at.
  await (await manager(admin)).streams.delete(made.stream.name)
  await waitFor(() => said().length === 2, { deadlineMs: 20_000 })
  expect(bus.health().ready).toBe(false)
})

test('verify: only the streams that the app uses are looked at', async () => {
  const server = await startBroker()
  const made = makeContracts()
  const options = { contracts: made.contracts, streams: { mode: 'verify' } } as const
  const admin = await open(server)
  await ensureStreams(admin, [made.stream], { mode: 'apply' })
  const { streams } = await manager(admin)
  await streams.delete(`${made.stream.name}_DLQ`)
  await streams.delete(`${made.stream.name}_IDEMPOTENCY`)
  const publishes = start(server.url, { ...options, publisher: {} })
  await waitFor(() => publishes.bus.health().ready)
  const claims = start(server.url, { ...options, publisher: { idempotency: true } })
  await waitFor(() => notOk(claims.bus).some((line) => line.includes(`${made.stream.name}_IDEMPOTENCY is not on`)))
  const handles = start(server.url, {
    ...options,
    subscriber: { handlers: [defineHandler(made.toBot, () => undefined)] },
  })
  await waitFor(() => notOk(handles.bus).some((line) => line.includes(`${made.stream.name}_DLQ is not on`)))
})

test('a lost connection makes it not ready, and ready again', async () => {
  const server = await startBroker()
  const { bus } = start(server.url)
  await waitFor(() => bus.health().ready)
  await server.kill()
  await waitFor(() => notOk(bus).includes('connection: disconnected'))
  await startBroker({ port: server.port, storeDir: server.storeDir })
  await waitFor(() => bus.health().ready)
})

test('refused credentials end the bus with the reason', async () => {
  const server = await startBroker({ configText: 'authorization { user: app, password: right }' })
  const { bus } = start(server.url, {
    connection: { servers: [server.url], name: 'app', auth: { user: 'app', password: 'wrong' } },
  })
  expect(await bus.failed).toMatchObject({ code: KitErrorCode.AuthenticationFailed })
  expect(bus.health().ready).toBe(false)
})

test('options that cannot work are thrown at once', async () => {
  const { contracts, toBot } = makeContracts()
  const handlers = [defineHandler(toBot, () => undefined)]
  const options = (subscriber: NonNullable<BusOptions['subscriber']>, name = 'app') => ({
    contracts,
    connection: { servers: ['127.0.0.1:1'], name },
    logger: collectLogs(),
    subscriber,
  })
  expect(() => createBus(options({ handlers: [] }))).toThrow(/no handler/)
  expect(() => createBus(options({ handlers: [...handlers, ...handlers] }))).toThrow(/"to-bot" has two handlers/)
  expect(() => createBus(options({ handlers, delivery: 'fan-out' }))).toThrow(/instanceId/)
  expect(() => createBus(options({ handlers, delivery: 'fan-out', instanceId: 'recover' }))).toThrow(/kit's own/)
  expect(() => createBus(options({ handlers, concurrency: 0 }))).toThrow(/concurrency/)
  expect(() => createBus(options({ handlers }, 'My App'))).toThrow(/kebab case/)
})

test('shutdown while the broker is away ends within its budget and is not clean', async () => {
  const server = await startBroker()
  const { bus, toBot } = start(server.url, { publisher: {} })
  await waitFor(() => bus.health().ready)
  await server.kill()
  await waitFor(() => !bus.health().ready)
  const publishing = bus.publisher.publish(toBot, { message: 'x' }).catch((error: unknown) => error)
  expect(await bus.stop(500)).toMatchObject({ clean: false })
  expect(await publishing).toMatchObject({ code: KitErrorCode.BrokerUnavailable })
})

test('shutdown that cannot flush says that it is not clean', async () => {
  const server = await startBroker()
  const { bus, logger } = start(server.url)
  await waitFor(() => bus.health().ready)
  await server.kill()
  await waitFor(() => !bus.health().ready)
  expect(await bus.stop(500)).toEqual({ clean: false, abandoned: [] })
  expect(logger.lines.some((line) => line.fields['event'] === 'notFlushed')).toBe(true)
})

test('shutdown does not wait for a dial without an answer', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  onEnd(() => new Promise((resolve) => silent.close(resolve)))
  const { bus } = start(`127.0.0.1:${(silent.address() as { port: number }).port}`)
  const dialled = new Promise<{ destroy(): void }>((resolve) => silent.once('connection', resolve))
  const socket = await dialled
  const late = waitFor(() => false, { deadlineMs: 3_000 }).catch(() => 'late')
  expect(await Promise.race([bus.stop(200), late])).toEqual({ clean: true, abandoned: [] })
  socket.destroy()
})

test('a dead letter that cannot be stored holds its message, makes the app not ready, and is stored in the end', async () => {
  const server = await startBroker()
  const made = makeContracts()
  const { bus } = start(server.url, {
    contracts: made.contracts,
    streams: { mode: 'create' },
    publisher: {},
    subscriber: { ackWaitMs: 1_500, handlers: [defineHandler(made.toBot, () => undefined)] },
  })
  await waitFor(() => bus.health().ready)
  const admin = await open(server)
  const jsm = await manager(admin)
  const { deadLetterSharesStreamName, deadLetterShareSubject, deadLetterStreamName } = await import('../src/admin.ts')
  const { config } = await jsm.streams.info(deadLetterStreamName(made.stream.name))
  // Full: it refuses the next letter.
  await jsm.streams.update(config.name, { ...config, max_msgs: 1 })
  await admin.client.publish(config.subjects?.[0]?.replace('*', 'x') ?? '', 'filler')
  const { config: shares } = await jsm.streams.info(deadLetterSharesStreamName(made.stream.name))
  await jsm.streams.update(shares.name, { max_msgs_per_subject: 1 })
  await admin.client.publish(deadLetterShareSubject(made.stream.name, 'app_to-bot'), 'filler')
  await admin.client.flush()
  admin.client.publish(made.toBot.subject, 'not json')
  await waitFor(() => notOk(bus).some((line) => line.includes('dead letters cannot be stored')), { deadlineMs: 25_000 })
  const info = await jsm.consumers.info(made.stream.name, 'app_to-bot')
  // Held by in-progress signals, so it was delivered once although its ack wait passed many times.
  expect([info.num_ack_pending, info.num_redelivered]).toEqual([1, 0])
  await jsm.streams.update(config.name, config)
  await jsm.streams.update(shares.name, shares)
  await waitFor(async () => (await jsm.streams.info(config.name)).state.messages === 2, { deadlineMs: 25_000 })
  await waitFor(() => bus.health().ready)
}, 60_000)
