import { expect, test } from 'vitest'
import { createJetStreamPublisher, createSubscriber, defineHandler } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, manager, onEnd, openWithStreams, useBroker } from './harness.ts'

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
