import { setImmediate as turn } from 'node:timers/promises'
import { nuid } from '@nats-io/transport-node'
import { describe, expect, test } from 'vitest'
import { idempotencyStreamName } from '../src/admin.ts'
import {
  type BatchReceipt,
  createJetStreamPublisher,
  ensureStreams,
  KitError,
  KitErrorCode,
  MAX_BATCH_MESSAGES,
  createBus,
} from '../src/index.ts'
import { collectLogs, waitFor } from '../src/testing.ts'
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

const messages = (count: number, name = 'm') => Array.from({ length: count }, (_, i) => ({ message: `${name}${i}` }))
const idsOf = (count: number, name = 'id') => Array.from({ length: count }, (_, i) => `${name}-${i}`)

async function failure(promise: Promise<unknown>): Promise<KitError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof KitError)) throw new Error(`expected a KitError, got ${String(error)}`)
  return error
}

describe('a batch that is stored', () => {
  test('all of it, in order, in one row, each message with its own headers', async () => {
    const { publisher, toBot, stream, at, count } = await setUp()
    await publisher.publish(toBot, { message: 'before' })
    const receipt = await publisher.publishMany(toBot, messages(5), { headers: { 'x-run': 'r1' } })
    expect(receipt).toMatchObject({ count: 5, stream: stream.name, firstSeq: 2, lastSeq: 6, duplicate: false })
    expect(new Set(receipt.ids).size).toBe(5)
    for (let i = 0; i < 5; i++) {
      const stored = await at(receipt.firstSeq + i)
      expect(stored?.json()).toEqual({ message: `m${i}` })
      expect(stored?.header.get('Nats-Msg-Id')).toBe(receipt.ids[i])
      expect(stored?.header.get('Contract-Channel')).toBe('to-bot')
      expect(stored?.header.get('x-run')).toBe('r1')
    }
    expect(await count()).toBe(6)
  })

  test('the longest one and the shortest one', async () => {
    const { publisher, toLog, count } = await setUp()
    expect(await publisher.publishMany(toLog, messages(1))).toMatchObject({ count: 1, firstSeq: 1, lastSeq: 1 })
    expect(await publisher.publishMany(toLog, messages(MAX_BATCH_MESSAGES))).toMatchObject({
      firstSeq: 2,
      lastSeq: 1_001,
    })
    expect(await count()).toBe(1_001)
  })

  test('batches and single messages at once do not come between each other', async () => {
    const { publisher, toBot, at } = await setUp()
    const batches = Promise.all(
      Array.from({ length: 8 }, (_, i) => publisher.publishMany(toBot, messages(100, `b${i}-`))),
    )
    const singles = Promise.all(messages(200, 's').map((message) => publisher.publish(toBot, message)))
    const receipts = await batches
    const taken = new Set((await singles).map(({ seq }) => seq))
    for (const [b, receipt] of receipts.entries()) {
      expect(receipt.lastSeq - receipt.firstSeq).toBe(99)
      for (let i = 0; i < 100; i++) expect(taken.has(receipt.firstSeq + i)).toBe(false)
      expect((await at(receipt.firstSeq + 42))?.json()).toEqual({ message: `b${b}-42` })
    }
  })

  test('a time to live takes all of it out of the stream', async () => {
    const { publisher, toBot, count } = await setUp()
    await publisher.publishMany(toBot, messages(3), { ttlSeconds: 1 })
    expect(await count()).toBe(3)
    await waitFor(async () => (await count()) === 0, { what: 'the expiry' })
  })
})

describe('none of it', () => {
  test('an invalid message in the middle: its index is in the path, and nothing was sent', async () => {
    const { publisher, toLog, connection, count } = await setUp()
    const batch = [...messages(3), { message: 'x', at: { line: 1, col: 2 } }, ...messages(3)]
    const sent = connection.client.stats().outMsgs
    const error = await failure(publisher.publishMany(toLog, batch))
    expect(error.code).toBe(KitErrorCode.InvalidMessage)
    expect(error.issues).toEqual([{ path: '/3/at/col', code: 'unrecognized_key', message: 'unknown field' }])
    expect(error.message).toContain('message 3')
    expect(connection.client.stats().outMsgs).toBe(sent)
    expect(await count()).toBe(0)
  })

  test.each([
    ['no messages', [], {}, KitErrorCode.InvalidBatch],
    ['one too many', messages(MAX_BATCH_MESSAGES + 1), {}, KitErrorCode.InvalidBatch],
    ['too few ids', messages(3), { ids: ['a', 'b'] }, KitErrorCode.InvalidBatch],
    ['an id twice', messages(3), { ids: ['a', 'b', 'a'] }, KitErrorCode.InvalidMessageId],
    ['an empty id', messages(2), { ids: ['a', ''] }, KitErrorCode.InvalidMessageId],
    ['ttl 0', messages(2), { ttlSeconds: 0 }, KitErrorCode.InvalidTtl],
    ['a header of the broker’s', messages(2), { headers: { 'Nats-Batch-Id': 'x' } }, KitErrorCode.InvalidHeader],
    [
      'a message over the channel’s bound',
      [{ message: 'a' }, { message: 'x'.repeat(70_000) }],
      {},
      KitErrorCode.MessageTooLarge,
    ],
  ])('%s', async (_, batch, options, code) => {
    const { publisher, toLog, connection, count } = await setUp()
    const sent = connection.client.stats().outMsgs
    expect((await failure(publisher.publishMany(toLog, batch, options))).code).toBe(code)
    expect(connection.client.stats().outMsgs).toBe(sent)
    expect(await count()).toBe(0)
  })

  test('a message that is too large with its headers only', async () => {
    const { publisher, toLog, connection } = await setUp(shared.current, {}, { maxMessageBytes: 65_537 })
    const sent = connection.client.stats().outMsgs
    const error = await failure(publisher.publishMany(toLog, [{ message: 'a' }, { message: 'x'.repeat(65_500) }]))
    expect(error).toMatchObject({ code: KitErrorCode.MessageTooLarge, message: expect.stringContaining('message 1') })
    expect(connection.client.stats().outMsgs).toBe(sent)
  })

  test('the broker will not take one in the middle: the error names it, the others are not stored', async () => {
    const { publisher, toLog, stream, connection, count } = await setUp()
    await (await manager(connection)).streams.update(stream.name, { max_msg_size: 1_000 })
    const error = await failure(
      publisher.publishMany(toLog, [...messages(3), { message: 'x'.repeat(2_000) }, ...messages(3)]),
    )
    expect(error).toMatchObject({ code: KitErrorCode.MessageTooLarge, brokerCode: 10054 })
    expect(error.message).toContain('message 3')
    expect(await count()).toBe(0)
  })

  test('no room for all of them in a stream that discards the new', async () => {
    const { publisher, toBot, count } = await setUp(shared.current, {}, { discard: 'new', maxMessages: 5 })
    const error = await failure(publisher.publishMany(toBot, messages(7), { timeoutMs: 2_000 }))
    expect(error.code).toBe(KitErrorCode.BrokerUnavailable)
    expect(error.message).toContain('maximum messages exceeded; nothing of it was stored')
    expect(await count()).toBe(0)
    expect(await publisher.publishMany(toBot, messages(5))).toMatchObject({ count: 5 })
  })

  test('a stream that does not allow it', async () => {
    const { publisher, toBot, stream, connection } = await setUp()
    await (await manager(connection)).streams.update(stream.name, { allow_atomic: false })
    expect(await failure(publisher.publishMany(toBot, messages(2)))).toMatchObject({
      code: KitErrorCode.BatchesDisabled,
      brokerCode: 10174,
    })
  })

  test('a shorter limit of the broker’s own', async () => {
    const server = await startBroker({ configText: 'jetstream { limits { batch { max_msgs: 3 } } }' })
    const { publisher, toBot, count } = await setUp(server)
    expect(await failure(publisher.publishMany(toBot, messages(4)))).toMatchObject({
      code: KitErrorCode.InvalidBatch,
      brokerCode: 10199,
    })
    expect(await publisher.publishMany(toBot, messages(3))).toMatchObject({ count: 3 })
    expect(await count()).toBe(3)
  })

  test('too many batches at the broker: waited for, then a typed error', async () => {
    const configText = 'jetstream { limits { batch { max_inflight_per_stream: 1, timeout: "1s" } } }'
    const { publisher, toBot, count, connection } = await setUp(await startBroker({ configText }), { budgetMs: 10_000 })
    // Somebody's batch that is begun and not ended; the broker gives it up after its timeout.
    const occupy = () => {
      const headers = {
        encode: () => Buffer.from(`NATS/1.0\r\nNats-Batch-Id: ${nuid.next()}\r\nNats-Batch-Sequence: 1\r\n\r\n`),
      }
      return connection.client.request(toBot.subject, 'x', { timeout: 5_000, headers: headers as never })
    }
    await occupy()
    expect(await failure(publisher.publishMany(toBot, messages(2), { timeoutMs: 200 }))).toMatchObject({
      code: KitErrorCode.TooManyBatches,
      brokerCode: 10210,
    })
    expect(await publisher.publishMany(toBot, messages(2))).toMatchObject({ count: 2 })
    expect(await count()).toBe(2)
  })

  test('more messages in batches than may be in flight, and the earlier batch is stored', async () => {
    const { publisher, toBot, count } = await setUp(shared.current, { maxMessagesInBatches: 10 })
    const [first, second] = await Promise.allSettled([
      publisher.publishMany(toBot, messages(8)),
      publisher.publishMany(toBot, messages(3)),
    ])
    expect(first).toMatchObject({ status: 'fulfilled' })
    expect(second).toMatchObject({ status: 'rejected', reason: { code: KitErrorCode.TooManyInFlight } })
    await publisher.publishMany(toBot, messages(10))
    expect(await count()).toBe(18)
  })

  test('after close', async () => {
    const { publisher, toBot } = await setUp()
    await publisher.close()
    expect((await failure(publisher.publishMany(toBot, messages(2)))).code).toBe(KitErrorCode.Closed)
  })
})

describe('ids that are stored already', () => {
  test('the same batch again is the same receipt, said to be a duplicate', async () => {
    const { publisher, toBot, count, connection } = await setUp()
    const events: unknown[] = []
    connection.events.on('duplicateDetected', (event) => events.push(event))
    const ids = idsOf(20)
    const first = await publisher.publishMany(toBot, messages(20), { ids })
    expect(first.ids).toEqual(ids)
    await publisher.publish(toBot, { message: 'between' })
    expect(await publisher.publishMany(toBot, messages(20), { ids })).toEqual({ ...first, duplicate: true })
    expect(events).toHaveLength(20)
    expect(events[7]).toMatchObject({ id: 'id-7', seq: first.firstSeq + 7 })
    expect(await count()).toBe(21)
  })

  test('some of them: nothing is stored, and an id of it can be used afterwards', async () => {
    const { publisher, toBot, count } = await setUp()
    await publisher.publish(toBot, { message: 'alone' }, { id: 'id-2' })
    const error = await failure(publisher.publishMany(toBot, messages(4), { ids: idsOf(4) }))
    expect(error).toMatchObject({
      code: KitErrorCode.BatchConflict,
      message: expect.stringContaining('1 of its 4 ids'),
    })
    expect(await count()).toBe(1)
    expect(await publisher.publish(toBot, { message: 'x' }, { id: 'id-3' })).toMatchObject({ duplicate: false, seq: 2 })
  })

  test('all of them but not as this batch', async () => {
    const { publisher, toBot, count } = await setUp()
    for (const id of ['id-0', 'other', 'id-1']) await publisher.publish(toBot, { message: 'x' }, { id })
    const error = await failure(publisher.publishMany(toBot, messages(2), { ids: idsOf(2) }))
    expect(error).toMatchObject({
      code: KitErrorCode.BatchConflict,
      message: expect.stringContaining('not in one row'),
    })
    expect(await count()).toBe(3)
  })
})

describe('faults', () => {
  test('an ack that is lost with its connection: stored once, and the receipt is as if it had come', async () => {
    const server = await startBroker()
    const { publisher, toBot, connection, count, at } = await setUp(server)
    await publisher.publish(toBot, { message: 'before' })
    await server.pause()
    onEnd(async () => server.resume())
    const fresh = publisher.publishMany(toBot, messages(50, 'fresh'))
    const own = publisher.publishMany(toBot, messages(50, 'own'), { ids: idsOf(50) })
    await turn()
    // What was written waits in the frozen broker's socket; its acks will go to a connection that is gone.
    void connection.client.reconnect()
    await waitFor(() => connection.state === 'disconnected', { everyMs: 1 })
    server.resume()
    expect(await fresh).toMatchObject({ firstSeq: 2, lastSeq: 51, duplicate: false })
    expect(await own).toMatchObject({ firstSeq: 52, lastSeq: 101, duplicate: true })
    expect(connection.logs.lines.some((line) => line.fields['event'] === 'retryMetItself')).toBe(true)
    expect(await count()).toBe(101)
    expect((await at(51))?.json()).toEqual({ message: 'fresh49' })
  })

  test('a frozen broker: sent again, stored once', async () => {
    const server = await startBroker()
    const { publisher, toBot, connection, count } = await setUp(server, { attemptTimeoutMs: 300, budgetMs: 10_000 })
    await server.pause()
    onEnd(async () => server.resume())
    const before = connection.client.stats().outMsgs
    const publishing = publisher.publishMany(toBot, messages(20))
    await waitFor(() => connection.client.stats().outMsgs >= before + 40, { what: 'a second attempt' })
    server.resume()
    expect(await publishing).toMatchObject({ firstSeq: 1, lastSeq: 20, duplicate: false })
    expect(await count()).toBe(20)
  })

  test('the broker is killed amid batches and comes back: each is stored once and whole', async () => {
    const server = await startBroker()
    const { publisher, toBot, connection, at, count } = await setUp(server)
    const receipts: (readonly [string, BatchReceipt])[] = []
    let killed: Promise<void> | undefined
    const write = async (writer: number) => {
      for (let i = 0; i < 10; i++) {
        const name = `w${writer}-${i}-`
        receipts.push([name, await publisher.publishMany(toBot, messages(100, name))])
        if (receipts.length === 6) killed = server.kill()
      }
    }
    const writing = Promise.all([0, 1, 2, 3].map(write))
    await waitFor(() => connection.state === 'disconnected', { everyMs: 1 })
    await killed
    expect(receipts.length).toBeLessThan(40)
    await startBroker({ port: server.port, storeDir: server.storeDir })
    await writing
    for (const [name, { firstSeq, lastSeq, duplicate }] of receipts) {
      expect([lastSeq - firstSeq, duplicate]).toEqual([99, false])
      for (const i of [0, 50, 99]) expect((await at(firstSeq + i))?.json()).toEqual({ message: `${name}${i}` })
    }
    expect(await count()).toBe(4_000)
  })

  test('published while the connection is down: waits for it', async () => {
    const server = await startBroker()
    // No attempt ends in time, so only the connection's return can send it.
    const { publisher, toBot, connection } = await setUp(server, { attemptTimeoutMs: 60_000 })
    await server.kill()
    await waitFor(() => connection.state === 'disconnected')
    const waiting = publisher.publishMany(toBot, messages(10))
    await startBroker({ port: server.port, storeDir: server.storeDir })
    expect(await waiting).toMatchObject({ firstSeq: 1, lastSeq: 10 })
  })

  test('the broker stays away past the budget; close waits for that', async () => {
    const server = await startBroker()
    const { publisher, toBot, connection } = await setUp(server, { budgetMs: 400 })
    await server.kill()
    await waitFor(() => connection.state === 'disconnected')
    const publishing = failure(publisher.publishMany(toBot, messages(2)))
    await publisher.close()
    // Settled when close is; a turn later it is seen to be.
    const settled = await Promise.race([publishing, turn('not yet')])
    expect(settled).toMatchObject({ code: KitErrorCode.BrokerUnavailable })
  })

  test('no stream on the subject: a typed error that says so', async () => {
    const { contracts, toBot } = makeContracts()
    const connection = await open(shared.current)
    const publisher = createJetStreamPublisher(connection, { contracts, budgetMs: 300 })
    onEnd(() => publisher.close())
    expect(await failure(publisher.publishMany(toBot, messages(2)))).toMatchObject({
      code: KitErrorCode.BrokerUnavailable,
      message: expect.stringContaining('no stream answered'),
    })
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
  const batch = () => publisher.publishMany(made.toLog, messages(3), { ids: idsOf(3) })
  expect(await batch()).toMatchObject({ count: 3, duplicate: false })
  // Where a known batch is stored is asked by publishing, so it needs no right to read either.
  expect(await batch()).toMatchObject({ firstSeq: 1, lastSeq: 3, duplicate: true })
  expect((await failure(publisher.publishMany(made.toBot, messages(3)))).code).toBe(KitErrorCode.PermissionDenied)
  expect(await publisher.publishMany(made.toLog, messages(3))).toMatchObject({ firstSeq: 4 })
})

test('an existing stream gets what batches need, whichever way it lost it', async () => {
  const { stream, connection } = await setUp()
  const jsm = await manager(connection)
  await jsm.streams.update(stream.name, { allow_atomic: false, allow_batched: false })
  const plans = await ensureStreams(connection, [stream], { mode: 'apply' })
  expect(plans[0]).toMatchObject({ action: 'update', changes: [{ field: 'allow_atomic' }, { field: 'allow_batched' }] })
  expect((await jsm.streams.info(stream.name)).config).toMatchObject({ allow_atomic: true, allow_batched: true })
})

describe('with idempotency', () => {
  const setUpClaims = async () => {
    const made = await openWithStreams(shared.current)
    const publisher = createJetStreamPublisher(made.connection, { contracts: made.contracts, idempotency: true })
    onEnd(() => publisher.close())
    return { ...made, publisher }
  }

  test('each id of a batch stands for its message, in batches and alone', async () => {
    const { publisher, toBot, stream, connection } = await setUpClaims()
    const ids = idsOf(100)
    const first = await publisher.publishMany(toBot, messages(100), { ids })
    expect(first).toMatchObject({ firstSeq: 1, lastSeq: 100, duplicate: false })
    expect(await publisher.publishMany(toBot, messages(100), { ids })).toEqual({ ...first, duplicate: true })
    const other = messages(100).map((message, i) => (i === 70 ? { message: 'another' } : message))
    const error = await failure(publisher.publishMany(toBot, other, { ids }))
    expect(error.code).toBe(KitErrorCode.IdempotencyConflict)
    expect(error.message).toMatch(/^message 70: /)
    const id = ids[70] as string
    expect((await failure(publisher.publish(toBot, { message: 'another' }, { id }))).code).toBe(
      KitErrorCode.IdempotencyConflict,
    )
    expect(await publisher.publish(toBot, messages(100)[70] as { message: string }, { id })).toMatchObject({
      seq: 71,
      duplicate: true,
    })
    expect((await (await manager(connection)).streams.info(stream.name)).state.messages).toBe(100)
  })

  test('fresh ids need no claim, and a stream of messages takes no ids', async () => {
    const { publisher, toBot, stream, connection } = await setUpClaims()
    expect(await publisher.publishMany(toBot, messages(2))).toMatchObject({ firstSeq: 1, lastSeq: 2 })
    expect(await publisher.publishStream(toBot, messages(2))).toMatchObject({ count: 2, lastSeq: 4 })
    const refused = publisher.publishStream(toBot, messages(2), { ids: () => 'x' })
    expect(await failure(refused)).toMatchObject({ code: KitErrorCode.InvalidOptions, stored: 0 })
    const { streams } = await manager(connection)
    expect((await streams.info(idempotencyStreamName(stream.name))).state.last_seq).toBe(0)
  })
})

test('through the bus: many at a time, before the connection too', async () => {
  const made = await openWithStreams(shared.current)
  const connection = { servers: [shared.current.url], name: 'app', inboxPrefix: `_INBOX_${nuid.next()}` }
  const bus = createBus({ contracts: made.contracts, connection, logger: collectLogs(), publisher: {} })
  void bus.start()
  onEnd(() => bus.stop(2_000))
  expect(await bus.publisher.publishMany(made.toBot, messages(2))).toMatchObject({ firstSeq: 1, lastSeq: 2 })
})
