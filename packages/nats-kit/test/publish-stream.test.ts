import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import {
  createJetStreamPublisher,
  ensureStreams,
  KitError,
  KitErrorCode,
  type PublishStreamOptions,
} from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import {
  countMessages,
  makeContracts,
  manager,
  onEnd,
  open,
  openWithStreams,
  startBroker,
  useBroker,
} from './harness.ts'

const shared = useBroker()

async function setUp(server: { readonly url: string } = shared.current, options = {}, streamOptions = {}) {
  const made = await openWithStreams(server, streamOptions)
  const publisher = createJetStreamPublisher(made.connection, { contracts: made.contracts, ...options })
  onEnd(() => publisher.close())
  const count = (): Promise<number> => countMessages(made.connection, made.stream.name)
  const at = async (seq: number) => (await manager(made.connection)).streams.getMessage(made.stream.name, { seq })
  return { ...made, publisher, count, at }
}

/** A source that says how far it was read, and whether it was let go. */
function source(length: number, pause: (index: number) => unknown = () => undefined, from = 0) {
  const seen = { read: from, released: false }
  const messages = (async function* () {
    try {
      for (let i = from; i < length; i++) {
        await pause(i)
        seen.read = i + 1
        yield { message: `m${i}` }
      }
    } finally {
      seen.released = true
    }
  })()
  return { messages, seen }
}

const noKey = (): string => {
  throw new Error('no key')
}

const byText = ({ message }: { message: string }) => message

async function failure(promise: Promise<unknown>): Promise<KitError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof KitError)) throw new Error(`expected a KitError, got ${String(error)}`)
  return error
}

describe('a stream that is stored', () => {
  test('all of it, in order, with ids and headers', async () => {
    const { publisher, toLog, stream, count, at } = await setUp()
    const { messages, seen } = source(3_000)
    const receipt = await publisher.publishStream(toLog, messages, { headers: { 'x-run': 'r1' } })
    expect(receipt).toEqual({ count: 3_000, stream: stream.name, lastSeq: 3_000 })
    expect(seen).toEqual({ read: 3_000, released: true })
    expect(await count()).toBe(3_000)
    const ids = new Set<string | undefined>()
    for (const seq of [1, 2, 500, 1_777, 3_000]) {
      const stored = await at(seq)
      expect(stored?.json()).toEqual({ message: `m${seq - 1}` })
      expect(stored?.header.get('x-run')).toBe('r1')
      expect(stored?.header.get('Contract-Channel')).toBe('to-log')
      ids.add(stored?.header.get('Nats-Msg-Id'))
    }
    expect(ids.size).toBe(5)
  })

  test('of a plain iterable, of one message, and of none', async () => {
    const { publisher, toLog, count } = await setUp()
    expect(await publisher.publishStream(toLog, [{ message: 'a' }])).toMatchObject({ count: 1, lastSeq: 1 })
    expect(await publisher.publishStream(toLog, new Set([{ message: 'b' }, { message: 'c' }]))).toMatchObject({
      count: 2,
      lastSeq: 3,
    })
    expect(await publisher.publishStream(toLog, source(0).messages)).toMatchObject({ count: 0, lastSeq: 0 })
    expect(await count()).toBe(3)
  })

  test('one message at a time, and several streams at once', async () => {
    const { publisher, toLog, toBot, count } = await setUp()
    const receipts = await Promise.all([
      publisher.publishStream(toLog, source(200).messages, { maxInFlight: 1 }),
      publisher.publishStream(toBot, source(700).messages),
      publisher.publishStream(toLog, source(900).messages),
    ])
    expect(receipts.map((receipt) => receipt.count)).toEqual([200, 700, 900])
    expect(await count()).toBe(1_800)
  })

  test('again with the same ids: nothing new, and it counts as stored', async () => {
    const { publisher, toLog, count } = await setUp()
    expect(await publisher.publishStream(toLog, source(1_200).messages, { ids: byText })).toMatchObject({
      lastSeq: 1_200,
    })
    expect(await publisher.publishStream(toLog, source(1_200).messages, { ids: byText })).toMatchObject({
      count: 1_200,
      lastSeq: 0,
    })
    expect(await publisher.publishStream(toLog, source(1_201).messages, { ids: byText })).toMatchObject({
      count: 1_201,
      lastSeq: 1_201,
    })
    expect(await count()).toBe(1_201)
  })

  test('a source that pauses for longer than the broker keeps a quiet stream', async () => {
    const server = await startBroker({ configText: 'jetstream { limits { batch { timeout: "600ms" } } }' })
    const { publisher, toLog, connection, count } = await setUp(server, { attemptTimeoutMs: 450 })
    // Three pings go by: more than the broker's timeout.
    const pause = async (index: number) => {
      const before = connection.client.stats().outMsgs
      if (index === 2) await waitFor(() => connection.client.stats().outMsgs >= before + 6)
    }
    expect(await publisher.publishStream(toLog, source(4, pause).messages)).toMatchObject({ count: 4 })
    expect(await count()).toBe(4)
  })
})

describe('what ends it: the error says exactly how many are stored', () => {
  test('an invalid message, its index in the path', async () => {
    const { publisher, toLog, count } = await setUp()
    let isReleased = false
    const messages = (function* () {
      try {
        for (let i = 0; i < 700; i++) yield { message: `m${i}` }
        yield { message: 'x', at: { line: 1, col: 2 } }
        yield { message: 'never' }
      } finally {
        isReleased = true
      }
    })()
    const error = await failure(publisher.publishStream(toLog, messages))
    expect(error).toMatchObject({
      code: KitErrorCode.InvalidMessage,
      stored: 700,
      issues: [{ path: '/700/at/col', code: 'unrecognized_key', message: 'unknown field' }],
    })
    expect(await count()).toBe(700)
    expect(isReleased).toBe(true)
  })

  test('the first message of all', async () => {
    const { publisher, toBot, count } = await setUp()
    expect(await failure(publisher.publishStream(toBot, [{ message: '' }]))).toMatchObject({
      code: KitErrorCode.InvalidMessage,
      stored: 0,
    })
    expect(await count()).toBe(0)
  })

  test('a source that throws', async () => {
    const { publisher, toLog, count } = await setUp()
    const broken = source(1_000, (i) => {
      if (i === 321) throw new Error('the file is gone')
    })
    const error = await failure(publisher.publishStream(toLog, broken.messages))
    expect(error).toMatchObject({
      code: KitErrorCode.SourceFailed,
      stored: 321,
      cause: { message: 'the file is gone' },
    })
    expect(await count()).toBe(321)
  })

  test('a signal, while the source takes for ever', async () => {
    const { publisher, toLog, count } = await setUp()
    const abort = new AbortController()
    const endless = source(1_000, (i) => {
      if (i === 40) return new Promise(() => {})
    })
    const publishing = failure(publisher.publishStream(toLog, endless.messages, { signal: abort.signal }))
    await waitFor(() => endless.seen.read === 40)
    abort.abort(new Error('enough'))
    expect(await publishing).toMatchObject({ code: KitErrorCode.Aborted, stored: 40, cause: { message: 'enough' } })
    expect(await count()).toBe(40)
  })

  test('a signal that is aborted already: nothing is read', async () => {
    const { publisher, toLog } = await setUp()
    const { messages, seen } = source(10)
    expect(await failure(publisher.publishStream(toLog, messages, { signal: AbortSignal.abort() }))).toMatchObject({
      stored: 0,
    })
    expect(seen.read).toBe(0)
  })

  test('close', async () => {
    const { publisher, toLog, count } = await setUp()
    const endless = source(Number.POSITIVE_INFINITY, turn)
    const publishing = failure(publisher.publishStream(toLog, endless.messages))
    await waitFor(() => endless.seen.read > 100)
    await publisher.close()
    const { code, stored } = await publishing
    expect(code).toBe(KitErrorCode.Closed)
    expect(stored).toBe(await count())
    expect((await failure(publisher.publishStream(toLog, []))).code).toBe(KitErrorCode.Closed)
  })

  test.each<[string, PublishStreamOptions, KitErrorCode]>([
    ['a bad id', { ids: () => '' }, KitErrorCode.InvalidMessageId],
    ['an id that cannot be made', { ids: noKey }, KitErrorCode.Unexpected],
    ['ttl 0', { ttlSeconds: 0 }, KitErrorCode.InvalidTtl],
    ['no room at all', { maxInFlight: 0 }, KitErrorCode.InvalidOptions],
  ])('%s', async (_, options, code) => {
    const { publisher, toLog, count } = await setUp()
    expect((await failure(publisher.publishStream(toLog, source(5).messages, options))).code).toBe(code)
    expect(await count()).toBe(0)
  })

  test('a message that is too large with its headers only', async () => {
    const { publisher, toLog, count } = await setUp(shared.current, {}, { maxMessageBytes: 65_537 })
    const messages = [{ message: 'a' }, { message: 'x'.repeat(65_500) }]
    const error = await failure(publisher.publishStream(toLog, messages))
    expect(error).toMatchObject({ code: KitErrorCode.MessageTooLarge, stored: 1 })
    expect(error.brokerCode).toBeUndefined()
    expect(await count()).toBe(1)
  })

  test('the broker will not take one', async () => {
    const { publisher, toLog, stream, connection, count } = await setUp()
    await (await manager(connection)).streams.update(stream.name, { max_msg_size: 1_000 })
    const messages = Array.from({ length: 50 }, (_, i) => ({ message: i === 30 ? 'x'.repeat(2_000) : `m${i}` }))
    expect(await failure(publisher.publishStream(toLog, messages))).toMatchObject({
      code: KitErrorCode.MessageTooLarge,
      brokerCode: 10054,
      stored: 30,
    })
    expect(await count()).toBe(30)
    // The last one: no later message tells the broker that one is missing.
    expect((await failure(publisher.publishStream(toLog, messages.slice(0, 31)))).stored).toBe(30)
    expect((await failure(publisher.publishStream(toLog, messages.slice(30)))).stored).toBe(0)
  })

  test('a stream that is full and discards the new', async () => {
    const { publisher, toLog, count } = await setUp(shared.current, {}, { discard: 'new', maxMessages: 20 })
    const error = await failure(publisher.publishStream(toLog, source(100).messages))
    expect(error).toMatchObject({ brokerCode: 10077, stored: 20 })
    expect(await count()).toBe(20)
  })

  test('a stream that does not allow it, before it begins and amid', async () => {
    const { publisher, toLog, stream, connection, count } = await setUp()
    const jsm = await manager(connection)
    const endless = source(Number.POSITIVE_INFINITY, turn)
    const publishing = failure(publisher.publishStream(toLog, endless.messages))
    await waitFor(() => endless.seen.read > 100)
    await jsm.streams.update(stream.name, { allow_batched: false })
    const { code, stored } = await publishing
    // The server drops what is under way a moment before it refuses what comes.
    expect([KitErrorCode.BatchesDisabled, KitErrorCode.BrokerUnavailable]).toContain(code)
    expect(stored).toBeLessThanOrEqual(await count())
    expect(await failure(publisher.publishStream(toLog, source(9).messages))).toMatchObject({
      code: KitErrorCode.BatchesDisabled,
      stored: 0,
    })
  })

  test('no stream on the subject', async () => {
    const { contracts, toBot } = makeContracts()
    const connection = await open(shared.current)
    const publisher = createJetStreamPublisher(connection, { contracts })
    onEnd(() => publisher.close())
    const error = await failure(publisher.publishStream(toBot, source(5).messages))
    expect(error).toMatchObject({ code: KitErrorCode.BrokerUnavailable, stored: 0 })
    expect(error.message).toContain('no stream answered')
  })
})

describe('faults', () => {
  test('a frozen broker: nothing is read ahead of the window, and the error comes in time', async () => {
    const server = await startBroker()
    const { publisher, toLog, count } = await setUp(server, { attemptTimeoutMs: 900 })
    const endless = source(Number.POSITIVE_INFINITY, (i) => (i === 5_000 ? server.pause() : undefined))
    onEnd(async () => server.resume())
    const error = await failure(publisher.publishStream(toLog, endless.messages, { maxInFlight: 200 }))
    expect(error).toMatchObject({
      code: KitErrorCode.BrokerUnavailable,
      message: expect.stringContaining('said nothing for 900 ms'),
    })
    // Whatever was read is confirmed or in the window.
    expect(endless.seen.read).toBeGreaterThan(5_000)
    expect(endless.seen.read - (error.stored ?? 0)).toBeLessThanOrEqual(200)
    server.resume()
    expect(error.stored).toBeLessThanOrEqual(await count())
  })

  test('the broker is killed amid: what is said to be stored is, and going on with the same ids stores nothing twice', async () => {
    const server = await startBroker()
    const { publisher, toLog, connection, count, at } = await setUp(server)
    const length = 20_000
    const broken = source(length, (i) => (i === 8_000 ? void server.kill() : undefined))
    const error = await failure(publisher.publishStream(toLog, broken.messages, { ids: byText }))
    expect(error.code).toBe(KitErrorCode.BrokerUnavailable)
    await startBroker({ port: server.port, storeDir: server.storeDir })
    await waitFor(() => connection.state === 'connected')
    const stored = error.stored ?? -1
    expect(stored).toBeGreaterThan(0)
    expect(stored).toBeLessThanOrEqual(await count())
    const rest = source(length, undefined, stored)
    expect(await publisher.publishStream(toLog, rest.messages, { ids: byText })).toMatchObject({
      count: length - stored,
      lastSeq: length,
    })
    expect(await count()).toBe(length)
    for (const seq of [1, stored, stored + 1, length])
      expect((await at(seq))?.json()).toEqual({ message: `m${seq - 1}` })
  })

  test('a connection that is lost and comes back at once is an error too: words and messages on the way are gone', async () => {
    const { publisher, toLog, connection, count } = await setUp(await startBroker())
    const broken = source(50_000, (i) => (i === 3_000 ? void connection.client.reconnect() : undefined))
    const error = await failure(publisher.publishStream(toLog, broken.messages, { ids: byText }))
    expect(error).toMatchObject({
      code: KitErrorCode.BrokerUnavailable,
      message: expect.stringContaining('the connection was lost'),
    })
    await waitFor(() => connection.state === 'connected')
    expect(error.stored).toBeLessThanOrEqual(await count())
  })

  test('a last answer that was not asked for is not a success', async () => {
    const { publisher, toLog, connection } = await setUp()
    const other = await open(shared.current)
    // Whoever hears the messages can end their batch as well.
    other.client.subscribe(toLog.subject, {
      callback: (_, { reply = '' }) => {
        if (!reply.endsWith('.10.1.$FI')) return
        other.client.publish(toLog.subject, '', { reply: reply.replace('.10.1.$FI', '.11.3.$FI') })
      },
    })
    await other.client.flush()
    const endless = source(100, (i) => (i === 10 ? new Promise(() => {}) : undefined))
    const error = await failure(publisher.publishStream(toLog, endless.messages))
    expect(error).toMatchObject({ code: KitErrorCode.BrokerUnavailable, stored: 10 })
    expect(connection.state).toBe('connected')
  })

  test('not connected: nothing is read', async () => {
    const server = await startBroker()
    const { publisher, toLog, connection } = await setUp(server)
    await server.kill()
    await waitFor(() => connection.state === 'disconnected')
    const { messages, seen } = source(5)
    expect(await failure(publisher.publishStream(toLog, messages))).toMatchObject({
      code: KitErrorCode.BrokerUnavailable,
      stored: 0,
    })
    expect(seen.read).toBe(0)
  })
})

test('a user who may publish on the subject and listen on its inbox needs no more, and a forbidden subject is refused at once', async () => {
  const made = makeContracts()
  const server = await startBroker({
    configText: `authorization { users = [
      { user: admin, password: p }
      { user: app, password: p, permissions: { publish: ["${made.toLog.subject}"], subscribe: ["_INBOX_app.>"] } } ] }`,
  })
  const admin = await open(server, { auth: { user: 'admin', password: 'p' } })
  await ensureStreams(admin, [made.stream], { mode: 'apply' })
  const connection = await open(server, {
    name: 'app',
    inboxPrefix: '_INBOX_app',
    auth: { user: 'app', password: 'p' },
  })
  const publisher = createJetStreamPublisher(connection, { contracts: made.contracts })
  onEnd(() => publisher.close())
  expect(await publisher.publishStream(made.toLog, source(1_500).messages)).toMatchObject({ count: 1_500 })
  expect(await failure(publisher.publishStream(made.toBot, source(10).messages))).toMatchObject({
    code: KitErrorCode.PermissionDenied,
    stored: 0,
  })
})
