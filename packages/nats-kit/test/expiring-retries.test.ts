import { expect, test } from 'vitest'
import { createJetStreamPublisher, createSubscriber, defineHandler, ensureStreams } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, makeContracts, manager, onEnd, open, openWithStreams, useBroker } from './harness.ts'

const broker = useBroker()

test('a failed message whose time to live would end before its next delivery becomes one dead letter, with its body', async () => {
  const { connection, contracts, toBot, stream } = await openWithStreams(broker.current)
  const outcomes = new Map<string, number>()
  const subscriber = createSubscriber(connection, {
    contracts,
    app: 'app',
    retry: { baseMs: 30_000, capMs: 30_000 },
    handlers: [
      defineHandler(toBot, ({ message }) => {
        outcomes.set(message, (outcomes.get(message) ?? 0) + 1)
        if (message.startsWith('fails')) throw new Error('busy')
      }),
    ],
  })
  onEnd(() => subscriber.stop(1_000))
  subscriber.start()
  const publisher = createJetStreamPublisher(connection, { contracts })
  await publisher.publish(toBot, { message: 'fails' }, { ttlSeconds: 2 })
  await publisher.publish(toBot, { message: 'is handled' }, { ttlSeconds: 2 })
  await publisher.publish(toBot, { message: 'fails and waits' })
  const letters = `${stream.name}_DLQ`
  await waitFor(async () => (await countMessages(connection, letters)) === 1)
  // Past the time to live: nothing more is said of either message.
  await waitFor(async () => (await countMessages(connection, stream.name)) === 1, { deadlineMs: 20_000 })
  await waitFor(() => outcomes.size === 3)
  const letter = await (await manager(connection)).streams.getMessage(letters, { seq: 1 })
  expect(letter?.json()).toEqual({ message: 'fails' })
  expect(letter?.header.get('Dead-Letter-Reason')).toBe('expires_before_retry')
  expect(letter?.header.get('Dead-Letter-Lost')).toBe('')
  expect(await countMessages(connection, letters)).toBe(1)
  expect([...outcomes]).toEqual([
    ['fails', 1],
    ['is handled', 1],
    ['fails and waits', 1],
  ])
})

test('how long a message stays is read off the broker’s stream: a newer release may keep it for longer', async () => {
  const made = makeContracts({ maxAgeMs: 3_000, duplicateWindowMs: 2_000 })
  const connection = await open(broker.current)
  await ensureStreams(connection, [made.stream], { mode: 'apply' })
  const jsm = await manager(connection)
  await jsm.streams.update(made.stream.name, { max_age: 3_600 * 1e9 })
  const publisher = createJetStreamPublisher(connection, { contracts: made.contracts, budgetMs: 1_000 })
  const { seq } = await publisher.publish(made.toBot, { message: 'old' })
  const storedAt = (await jsm.streams.getMessage(made.stream.name, { seq }))?.time.getTime() ?? 0
  await waitFor(() => Date.now() > storedAt + made.stream.maxAgeMs)
  let runs = 0
  const subscriber = createSubscriber(connection, {
    contracts: made.contracts,
    app: 'app',
    ackWaitMs: 300,
    maxHandlerMs: 1_000,
    retry: { baseMs: 10, capMs: 10 },
    handlers: [
      defineHandler(made.toBot, () => {
        if (++runs === 1) throw new Error('once')
      }),
    ],
  })
  onEnd(() => subscriber.stop(1_000))
  subscriber.start()
  await waitFor(async () => runs === 2 || (await countMessages(connection, `${made.stream.name}_DLQ`)) > 0)
  expect([runs, await countMessages(connection, `${made.stream.name}_DLQ`)]).toEqual([2, 0])
})

test('and by the broker’s clock: one that is hours ahead here makes no dead letter', async () => {
  const { connection, contracts, toBot, stream } = await openWithStreams(broker.current)
  const publisher = createJetStreamPublisher(connection, { contracts })
  let runs = 0
  const now = Date.now
  onEnd(async () => void (Date.now = now))
  Date.now = () => now.call(Date) + 7_200_000
  const subscriber = createSubscriber(connection, {
    contracts,
    app: 'app',
    retry: { baseMs: 10, capMs: 10 },
    handlers: [
      defineHandler(toBot, () => {
        if (++runs === 1) throw new Error('once')
      }),
    ],
  })
  onEnd(() => subscriber.stop(1_000))
  subscriber.start()
  await publisher.publish(toBot, { message: 'm' })
  await waitFor(async () => runs === 2 || (await countMessages(connection, `${stream.name}_DLQ`)) > 0)
  expect([runs, await countMessages(connection, `${stream.name}_DLQ`)]).toEqual([2, 0])
})

test('a failed message that a limit drops before its next delivery is said to be missed', async () => {
  const { connection, contracts, toBot, stream } = await openWithStreams(broker.current, { maxMessages: 5 })
  const missed: { readonly from: number; readonly to: number; readonly atLeast: number }[] = []
  connection.events.on('messagesMissed', (detail) => missed.push(detail))
  let failed = 0
  let handled = 0
  const subscriber = createSubscriber(connection, {
    contracts,
    app: 'app',
    retry: { baseMs: 60_000, capMs: 60_000 },
    watchdog: { lookMs: 100 },
    handlers: [
      defineHandler(toBot, ({ message }) => {
        if (message !== 'fails') return void handled++
        failed++
        throw new Error('busy')
      }),
    ],
  })
  onEnd(() => subscriber.stop(1_000))
  subscriber.start()
  // Its first look comes before the message.
  await waitFor(() => subscriber.checks().every(({ ok }) => ok))
  const publisher = createJetStreamPublisher(connection, { contracts })
  await publisher.publish(toBot, { message: 'fails' })
  await waitFor(() => failed === 1)
  for (let i = 0; i < 10; i++) {
    await publisher.publish(toBot, { message: `m-${i}` })
    // One that the limit drops before it was read would be missed as well.
    await waitFor(() => handled === i + 1)
  }
  await waitFor(() => missed.length === 1, { deadlineMs: 20_000 })
  expect(missed).toMatchObject([{ stream: stream.name, from: 1, to: 1, atLeast: 1, atMost: 1 }])
})
