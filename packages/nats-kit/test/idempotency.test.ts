import { expect, test } from 'vitest'
import { createJetStreamPublisher, KitError, KitErrorCode } from '../src/index.ts'
import { idempotencyStreamName } from '../src/admin.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, manager, onEnd, open, openWithStreams, useBroker } from './harness.ts'

const broker = useBroker()

async function setUp() {
  const made = await openWithStreams(broker.current)
  /** A replica of the app: a connection and a memory of its own. */
  const replica = async () => {
    const connection = await open(broker.current)
    const { contracts } = made
    const publisher = createJetStreamPublisher(connection, { contracts, idempotency: true })
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

/** Windows short enough to be waited for; the claim's life is the stream's own limit, whatever the kit would make it. */
async function setUpShort(windowMs: number, claimMs: number) {
  const made = await openWithStreams(broker.current, { duplicateWindowMs: windowMs })
  const { contracts, connection, stream } = made
  const { streams } = await manager(connection)
  await streams.update(idempotencyStreamName(stream.name), { max_age: claimMs * 1e6, duplicate_window: windowMs * 1e6 })
  const options = { contracts, idempotency: true, budgetMs: Math.min(15_000, windowMs - 100) }
  const publisher = createJetStreamPublisher(connection, options)
  onEnd(() => publisher.close())
  const claimedAt = async (): Promise<number> => {
    const claim = await streams.getMessage(idempotencyStreamName(stream.name), { last_by_subj: '>' })
    return claim?.time.getTime() ?? 0
  }
  return { ...made, publisher, streams, claimedAt }
}

test('a claim outlives the duplicate window of the last message that matched it', { timeout: 30_000 }, async () => {
  const [windowMs, claimMs] = [2_000, 3_000]
  const { publisher, toBot, claimedAt } = await setUpShort(windowMs, claimMs)
  const publish = (message: string) => publisher.publish(toBot, { message }, { id: 'k' })
  await publish('one')
  const first = await claimedAt()
  // Past the window, and late in the life of the first claim.
  await waitFor(() => Date.now() - first > 2_500)
  expect(await publish('one')).toMatchObject({ duplicate: false })
  expect(await claimedAt()).toBeGreaterThan(first)
  // For as long as the broker knows the id another body is refused, and never taken for a duplicate.
  const stored = await waitFor(
    async () => {
      try {
        return await publish('two')
      } catch (error) {
        if (KitError.is(error, KitErrorCode.IdempotencyConflict)) return undefined
        throw error
      }
    },
    { deadlineMs: 20_000 },
  )
  expect(stored.duplicate).toBe(false)
})

test('a duplicate renews nothing at the broker, and its claim all the same', async () => {
  const { publisher, toBot, claimedAt } = await setUpShort(120_000, 180_000)
  await publisher.publish(toBot, { message: 'one' }, { id: 'k' })
  const first = await claimedAt()
  expect(await publisher.publish(toBot, { message: 'one' }, { id: 'k' })).toMatchObject({ seq: 1, duplicate: true })
  expect(await claimedAt()).toBeGreaterThan(first)
})

test('many at once under one id with one message: one is stored, all are told so', async () => {
  const { publisher, replica, toBot, stream, connection } = await setUp()
  const other = await replica()
  const receipts = await Promise.all(
    Array.from({ length: 40 }, (_, i) => (i % 2 ? publisher : other).publish(toBot, { message: 'one' }, { id: 'k' })),
  )
  expect(receipts.filter(({ duplicate }) => !duplicate)).toHaveLength(1)
  expect(await countMessages(connection, stream.name)).toBe(1)
})

test('closing waits for a message whose claim is under way', async () => {
  const { publisher, toBot, stream, connection } = await setUp()
  const publishing = publisher.publish(toBot, { message: 'last' }, { id: 'k' })
  await publisher.close()
  expect(await publishing).toMatchObject({ seq: 1 })
  expect(await countMessages(connection, stream.name)).toBe(1)
  await expect(publisher.publish(toBot, { message: 'later' }, { id: 'l' })).rejects.toMatchObject({
    code: KitErrorCode.Closed,
  })
})
