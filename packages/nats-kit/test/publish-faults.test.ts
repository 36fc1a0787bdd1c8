import { expect, test } from 'vitest'
import { createJetStreamPublisher, ensureStreams, KitError, KitErrorCode } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, makeContracts, manager, onEnd, open, openWithStreams, startBroker } from './harness.ts'

async function setUp(server: { readonly url: string }, options = {}, streamOptions = {}) {
  const made = await openWithStreams(server, streamOptions)
  const publisher = createJetStreamPublisher(made.connection, { contracts: made.contracts, ...options })
  onEnd(() => publisher.close())
  return { ...made, publisher }
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (KitError.is(error) ? error.code : String(error)),
  )

test('a frozen broker: the retry carries the same id, so the message is stored once', async () => {
  const server = await startBroker()
  const { publisher, toBot, stream, connection } = await setUp(server, { attemptTimeoutMs: 300, budgetMs: 10_000 })
  await server.pause()
  onEnd(async () => server.resume())
  const sentBefore = connection.client.stats().outMsgs
  const publishing = publisher.publish(toBot, { message: 'once' })
  const named = publisher.publish(toBot, { message: 'named' }, { id: 'order-9' })
  await waitFor(() => connection.client.stats().outMsgs >= sentBefore + 4, { what: 'a second attempt' })
  server.resume()
  // The kit's own retry met itself: for a fresh id that is no duplicate of the caller's.
  expect(await publishing).toMatchObject({ seq: 1, duplicate: false })
  expect(await named).toMatchObject({ seq: 2, id: 'order-9' })
  expect(await countMessages(connection, stream.name)).toBe(2)
})

test('an ack that is lost with its connection: sent again with the same id, stored once, and no duplicate of the caller’s', async () => {
  const server = await startBroker()
  const { publisher, toBot, stream, connection } = await setUp(server)
  await server.pause()
  onEnd(async () => server.resume())
  const publishing = [
    publisher.publish(toBot, { message: 'fresh id' }),
    publisher.publish(toBot, { message: 'own id' }, { id: 'order-9' }),
  ]
  await new Promise((resolve) => setImmediate(resolve))
  // What was written waits in the frozen broker's socket; its ack will go to a connection that is gone.
  void connection.client.reconnect()
  await waitFor(() => connection.state === 'disconnected', { everyMs: 1 })
  server.resume()
  expect(await Promise.all(publishing)).toMatchObject([
    { seq: 1, duplicate: false },
    { seq: 2, duplicate: true, id: 'order-9' },
  ])
  expect(connection.logs.lines.some((line) => line.fields['event'] === 'retryMetItself')).toBe(true)
  expect(await countMessages(connection, stream.name)).toBe(2)
})

test('messages published while the connection is down wait for it', async () => {
  const server = await startBroker()
  const { publisher, toBot, stream, connection } = await setUp(server)
  await server.kill()
  await waitFor(() => connection.state === 'disconnected')
  const waiting = Promise.all(Array.from({ length: 10 }, (_, i) => publisher.publish(toBot, { message: `m${i}` })))
  await startBroker({ port: server.port, storeDir: server.storeDir })
  expect(new Set((await waiting).map((receipt) => receipt.seq)).size).toBe(10)
  expect(await countMessages(connection, stream.name)).toBe(10)
})

test('the broker stays away past the budget: a typed error, and the next message is fine', async () => {
  const server = await startBroker()
  const { publisher, toBot, connection } = await setUp(server, { attemptTimeoutMs: 200, budgetMs: 500 })
  await server.kill()
  await waitFor(() => connection.state === 'disconnected')
  expect(await codeOf(publisher.publish(toBot, { message: 'x' }))).toBe(KitErrorCode.BrokerUnavailable)
  await startBroker({ port: server.port, storeDir: server.storeDir })
  await waitFor(() => connection.state === 'connected')
  expect(await publisher.publish(toBot, { message: 'y' })).toMatchObject({ duplicate: false })
})

test('no stream on the subject: retried within the budget, then a typed error that says so', async () => {
  const server = await startBroker()
  const { contracts, toBot } = makeContracts()
  const connection = await open(server)
  const publisher = createJetStreamPublisher(connection, { contracts, budgetMs: 400 })
  onEnd(() => publisher.close())
  const error = await publisher.publish(toBot, { message: 'x' }).catch((reason: unknown) => reason)
  expect(error).toMatchObject({
    code: KitErrorCode.BrokerUnavailable,
    message: expect.stringContaining('no stream answered'),
  })
})

test('a stream that appears within the budget gets the message', async () => {
  const server = await startBroker()
  const { contracts, toBot, stream } = makeContracts()
  const connection = await open(server)
  const publisher = createJetStreamPublisher(connection, { contracts, budgetMs: 10_000 })
  onEnd(() => publisher.close())
  const publishing = publisher.publish(toBot, { message: 'early' })
  await waitFor(() => connection.client.stats().outMsgs >= 2)
  await ensureStreams(connection, [stream], { mode: 'apply' })
  expect(await publishing).toMatchObject({ seq: 1 })
})

test('a full stream that discards the new: retried, stored when there is room', async () => {
  const server = await startBroker()
  const { publisher, toBot, stream, connection } = await setUp(
    server,
    { budgetMs: 10_000 },
    { discard: 'new', maxMessages: 1 },
  )
  await publisher.publish(toBot, { message: 'first' })
  const second = publisher.publish(toBot, { message: 'second' })
  const before = connection.client.stats().outMsgs
  await waitFor(() => connection.client.stats().outMsgs > before, { what: 'another attempt' })
  await (await manager(connection)).streams.purge(stream.name)
  expect(await second).toMatchObject({ seq: 2, duplicate: false })
})

test('a full stream past the budget is a typed error', async () => {
  const server = await startBroker()
  const { publisher, toBot } = await setUp(server, { budgetMs: 300 }, { discard: 'new', maxMessages: 1 })
  await publisher.publish(toBot, { message: 'first' })
  const error = await publisher.publish(toBot, { message: 'second' }).catch((reason: unknown) => reason)
  expect(error).toMatchObject({
    code: KitErrorCode.BrokerUnavailable,
    message: expect.stringContaining('maximum messages'),
  })
})

test('a subject that another stream holds is refused for good, with the broker’s code', async () => {
  const server = await startBroker()
  const { publisher, toBot, stream, connection } = await setUp(server)
  const jsm = await manager(connection)
  const { config } = await jsm.streams.info(stream.name)
  await jsm.streams.delete(stream.name)
  await jsm.streams.add({ ...config, name: `${stream.name}_OTHER` })
  const error = await publisher.publish(toBot, { message: 'x' }).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: KitErrorCode.PublishRejected, brokerCode: 10060 })
})

test('a forbidden subject is refused at once, and the allowed ones go on', async () => {
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
  const [forbidden, allowed] = await Promise.allSettled([
    publisher.publish(made.toBot, { message: 'x' }),
    publisher.publish(made.toLog, { message: 'y' }),
  ])
  expect(forbidden).toMatchObject({ status: 'rejected', reason: { code: KitErrorCode.PermissionDenied } })
  expect(allowed).toMatchObject({ status: 'fulfilled', value: { seq: 1 } })
})

test('a message over the broker’s payload limit is a typed error', async () => {
  const server = await startBroker({ configText: 'max_payload: 1KB, jetstream {}' })
  const { publisher, toLog } = await setUp(server)
  expect(await codeOf(publisher.publish(toLog, { message: 'x'.repeat(2_000) }))).toBe(KitErrorCode.MessageTooLarge)
  expect(await publisher.publish(toLog, { message: 'small' })).toMatchObject({ seq: 1 })
})

test('close waits for what is in flight', async () => {
  const server = await startBroker()
  const { publisher, toBot, connection } = await setUp(server)
  await server.pause()
  onEnd(async () => server.resume())
  const publishing = publisher.publish(toBot, { message: 'last' })
  let closed = false
  const closing = publisher.close().then(() => (closed = true))
  const sentBefore = connection.client.stats().outBytes
  await waitFor(() => connection.client.stats().outBytes >= sentBefore)
  expect(closed).toBe(false)
  server.resume()
  expect(await publishing).toMatchObject({ seq: 1 })
  await closing
})
