import { expect, test } from 'vitest'
import { createJetStreamPublisher, KitErrorCode, withIdempotency } from '../src/index.ts'
import { idempotencyStreamName } from '../src/admin.ts'
import { countMessages, manager, onEnd, open, openWithStreams, useBroker } from './harness.ts'

const broker = useBroker()

async function setUp() {
  const made = await openWithStreams(broker.current)
  /** A replica of the app: a connection and a memory of its own. */
  const replica = async () => {
    const connection = await open(broker.current)
    const { contracts } = made
    const publisher = withIdempotency(createJetStreamPublisher(connection, { contracts }), connection, { contracts })
    onEnd(() => publisher.close())
    return publisher
  }
  return { ...made, replica, publisher: await replica() }
}

const CONFLICT = { code: KitErrorCode.IdempotencyConflict }

test('same id, same message: stored once, duplicate the second time', async () => {
  const { publisher, toLog, stream, connection } = await setUp()
  const first = await publisher.publish(toLog, { message: 'a', extra: 'b' }, { id: 'k' })
  // The order of the fields is not part of a message.
  const second = await publisher.publish(toLog, { extra: 'b', message: 'a' }, { id: 'k' })
  expect(second).toEqual({ ...first, duplicate: true })
  expect(await countMessages(connection, stream.name)).toBe(1)
})

test.each([
  [
    'another message',
    (c: Awaited<ReturnType<typeof setUp>>) => c.publisher.publish(c.toBot, { message: 'other' }, { id: 'k' }),
  ],
  [
    'another channel',
    (c: Awaited<ReturnType<typeof setUp>>) => c.publisher.publish(c.toLog, { message: 'one' }, { id: 'k' }),
  ],
  [
    'another time to live',
    (c: Awaited<ReturnType<typeof setUp>>) =>
      c.publisher.publish(c.toBot, { message: 'one' }, { id: 'k', ttlSeconds: 5 }),
  ],
])('same id, %s: refused, and nothing is stored', async (_, again) => {
  const context = await setUp()
  await context.publisher.publish(context.toBot, { message: 'one' }, { id: 'k' })
  await expect(again(context)).rejects.toMatchObject(CONFLICT)
  expect(await countMessages(context.connection, context.stream.name)).toBe(1)
})

test('the claim holds across replicas and restarts', async () => {
  const { publisher, replica, toBot } = await setUp()
  await publisher.publish(toBot, { message: 'one' }, { id: 'k' })
  const other = await replica()
  await expect(other.publish(toBot, { message: 'two' }, { id: 'k' })).rejects.toMatchObject(CONFLICT)
  expect(await other.publish(toBot, { message: 'one' }, { id: 'k' })).toMatchObject({ duplicate: true })
})

test('of two at once with one id and different messages, one is stored and one is told', async () => {
  const { publisher, replica, toBot, stream, connection } = await setUp()
  const other = await replica()
  const results = await Promise.allSettled([
    publisher.publish(toBot, { message: 'one' }, { id: 'k' }),
    other.publish(toBot, { message: 'two' }, { id: 'k' }),
  ])
  expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(results.find((result) => result.status === 'rejected')).toMatchObject({ reason: CONFLICT })
  expect(await countMessages(connection, stream.name)).toBe(1)
})

test('a claim without its message, as after a crash between the two, lets the same message through', async () => {
  const { publisher, toBot, stream, connection } = await setUp()
  await publisher.publish(toBot, { message: 'one' }, { id: 'k' })
  const jsm = await manager(connection)
  await jsm.streams.delete(stream.name)
  await jsm.streams.add({ name: stream.name, subjects: [toBot.subject] })
  expect(await publisher.publish(toBot, { message: 'one' }, { id: 'k' })).toMatchObject({ seq: 1, duplicate: false })
})

test('an invalid message claims nothing', async () => {
  const { publisher, toBot } = await setUp()
  await expect(publisher.publish(toBot, { message: '' }, { id: 'k' })).rejects.toMatchObject({
    code: KitErrorCode.InvalidMessage,
  })
  await expect(publisher.publish(toBot, { message: 'x' }, { id: 'k', ttlSeconds: 0 })).rejects.toMatchObject({
    code: KitErrorCode.InvalidTtl,
  })
  expect(await publisher.publish(toBot, { message: 'right' }, { id: 'k' })).toMatchObject({ duplicate: false })
})

test('without an id there is no claim, and the claim’s life exceeds the duplicate window', async () => {
  const { publisher, toBot, stream, connection } = await setUp()
  await publisher.publish(toBot, { message: 'x' })
  const claims = idempotencyStreamName(stream.name)
  expect(await countMessages(connection, claims)).toBe(0)
  const { config } = await (await manager(connection)).streams.info(claims)
  expect(config.max_age).toBeGreaterThan(stream.duplicateWindowMs * 1e6)
})

// The deadline is what shows it: either step alone may take 15 s.
test('claim and message share one budget', { timeout: 10_000 }, async () => {
  const { publisher, toBot } = await setUp()
  await broker.current.pause()
  const error = await publisher
    .publish(toBot, { message: 'x' }, { id: 'k', timeoutMs: 300 })
    .catch((reason: unknown) => reason)
  broker.current.resume()
  expect(error).toMatchObject({ code: KitErrorCode.BrokerUnavailable })
})
