import { expect, test } from 'vitest'
import {
  type BatchMessage,
  type BatchOutcome,
  createJetStreamPublisher,
  createSubscriber,
  DeadLetter,
  handleMany,
  type HandleManyOptions,
  KitErrorCode,
  RetryLater,
  type SubscriberOptions,
} from '../src/index.ts'
import { deadLetterStreamName, listDeadLetters } from '../src/admin.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, manager, onEnd, openWithStreams, useBroker } from './harness.ts'

const broker = useBroker()

type Many = (texts: readonly string[], batch: readonly BatchMessage[]) => unknown

interface Setting extends Partial<HandleManyOptions> {
  readonly subscriber?: Partial<SubscriberOptions>
}

/** Messages are published before the handler runs, so that a batch has as many as it may. */
async function setUp(messages: readonly string[], many: Many, { subscriber = {}, ...options }: Setting = {}) {
  const made = await openWithStreams(broker.current)
  const { connection, contracts, toBot, stream } = made
  const publisher = createJetStreamPublisher(connection, { contracts })
  onEnd(() => publisher.close())
  for (const message of messages) await publisher.publish(toBot, { message })
  const batches: string[][] = []
  const handler = handleMany(
    toBot,
    async (batch) => {
      const texts = batch.map((one) => one.message.message)
      batches.push(texts)
      return (await many(texts, batch as readonly BatchMessage[])) as readonly BatchOutcome[] | undefined
    },
    { maxMessages: 4, maxWaitMs: 20, ...options },
  )
  const running = createSubscriber(connection, {
    contracts,
    app: 'app',
    handlers: [handler],
    retry: { baseMs: 10, capMs: 10 },
    ...subscriber,
  })
  onEnd(() => running.stop(2_000))
  running.start()
  const jsm = await manager(connection)
  return {
    ...made,
    publisher,
    batches,
    running,
    flat: () => batches.flat(),
    /** Nothing waits on the broker, and nothing is without an ack. */
    settled: () =>
      waitFor(async () => {
        const info = await jsm.consumers.info(stream.name, `app_${toBot.name}`).catch(() => undefined)
        return info?.num_pending === 0 && info.num_ack_pending === 0 && info.delivered.stream_seq > 0
      }),
    async letters() {
      const letters: { readonly seq: number; readonly reason: string; readonly error: string }[] = []
      for await (const letter of listDeadLetters(connection, stream.name, {}))
        letters.push({ seq: letter.original.seq, reason: letter.reason, error: letter.error })
      return letters
    },
    lettersStored: () => countMessages(connection, deadLetterStreamName(stream.name)),
  }
}

const numbered = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `m${i}`)

test('messages come in batches of at most maxMessages, and all of a batch that returns are acknowledged', async () => {
  const { batches, flat, settled, lettersStored } = await setUp(numbered(10), () => undefined)
  await settled()
  expect(flat()).toEqual(numbered(10))
  expect(batches.map(({ length }) => length)).toEqual([4, 4, 2])
  expect(await lettersStored()).toBe(0)
})

test('a batch that is not full is handled after maxWaitMs', async () => {
  const { batches, settled } = await setUp(['lone'], () => undefined, { maxWaitMs: 0 })
  await settled()
  expect(batches).toEqual([['lone']])
})

test('one batch runs at a time unless more are allowed; the next one gathers meanwhile', async () => {
  let running = 0
  const most = { alone: 0, pair: 0 }
  const count = (which: keyof typeof most) => async () => {
    running++
    most[which] = Math.max(most[which], running)
    await new Promise((resolve) => setTimeout(resolve, 20))
    running--
  }
  await (await setUp(numbered(12), count('alone'))).settled()
  await (await setUp(numbered(12), count('pair'), { maxBatches: 2 })).settled()
  expect(most).toEqual({ alone: 1, pair: 2 })
})

test('each message has its own outcome: handled, later, a dead letter, a failure', async () => {
  const seen = new Map<string, number>()
  const { settled, letters } = await setUp(['good', 'later', 'hopeless', 'fails'], (texts) =>
    texts.map((text) => {
      const times = (seen.get(text) ?? 0) + 1
      seen.set(text, times)
      if (text === 'later' && times === 1) return new RetryLater(10)
      if (text === 'hopeless') return new DeadLetter('no use')
      return text === 'fails' ? new Error('still broken') : undefined
    }),
  )
  await settled()
  expect(Object.fromEntries(seen)).toEqual({ good: 1, later: 2, hopeless: 1, fails: 3 })
  expect((await letters()).toSorted((a, b) => a.seq - b.seq)).toEqual([
    { seq: 3, reason: 'handler_gave_up', error: 'no use' },
    { seq: 4, reason: 'deliveries_exhausted', error: 'still broken' },
  ])
})

test('a message that no batch survives fails alone: the others of its batch are handled with their next delivery', async () => {
  const handled: string[] = []
  const { batches, settled, letters } = await setUp([...numbered(3), 'poison'], (texts) => {
    if (texts.includes('poison')) throw new Error('the database refuses a row')
    handled.push(...texts)
  })
  await settled()
  expect(handled.toSorted()).toEqual(numbered(3))
  expect(batches[0]).toHaveLength(4)
  expect(batches.slice(1).every(({ length }) => length === 1)).toBe(true)
  expect(batches.filter((texts) => texts.includes('poison'))).toHaveLength(3)
  expect(batches.filter((texts) => texts.includes('m0'))).toHaveLength(2)
  expect(await letters()).toEqual([{ seq: 4, reason: 'deliveries_exhausted', error: 'the database refuses a row' }])
})

test('RetryLater for all counts as no failure, and what was put off comes in batches again', async () => {
  let tries = 0
  const { batches, settled, lettersStored } = await setUp(
    numbered(4),
    () => {
      if (++tries <= 5) throw new RetryLater(20, 'the database is away')
    },
    { subscriber: { maxDeliver: 1 }, maxWaitMs: 200 },
  )
  await settled()
  expect(batches.length).toBe(6)
  expect(batches.every(({ length }) => length === 4)).toBe(true)
  expect(await lettersStored()).toBe(0)
})

test('DeadLetter thrown for a batch gives up no message that might be handled alone', async () => {
  const { settled, letters } = await setUp(['fine', 'bad'], (texts) => {
    if (texts.includes('bad')) throw new DeadLetter('this one is bad')
  })
  await settled()
  expect(await letters()).toEqual([{ seq: 2, reason: 'handler_gave_up', error: 'this one is bad' }])
})

test.each([
  { what: 'too few outcomes', outcomes: () => [undefined] },
  { what: 'something else than a list', outcomes: () => 7 },
  { what: 'an outcome that is none', outcomes: (texts: readonly string[]) => texts.map(() => 'ok') },
])('$what fail the messages, and the dead letter says why', async ({ outcomes }) => {
  const { settled, letters } = await setUp(['a', 'b'], (texts) => outcomes([...texts]), {
    subscriber: { maxDeliver: 1 },
  })
  await settled()
  for (const { error } of await letters()) expect(error).toMatch(/outcome/)
  expect(await letters()).toHaveLength(2)
})

test('a batch that hangs loses its messages, and the next one is handled', { timeout: 30_000 }, async () => {
  let signal: AbortSignal | undefined
  const { settled, flat, publisher, toBot, letters } = await setUp(
    ['hangs'],
    (texts, [first]) => {
      signal ??= first?.context.signal
      return texts.includes('hangs') ? new Promise(() => undefined) : undefined
    },
    { subscriber: { maxDeliver: 1, maxHandlerMs: 400, handlerGraceMs: 200, ackWaitMs: 400 } },
  )
  await waitFor(() => flat().length === 1)
  await publisher.publish(toBot, { message: 'next' })
  await waitFor(() => flat().includes('next'))
  await settled()
  expect(signal?.aborted).toBe(true)
  expect(await letters()).toMatchObject([{ seq: 1, reason: 'never_settled' }])
})

test('a stop lets the batches that were begun and gathered end', async () => {
  const handled: string[] = []
  const { running, flat, lettersStored } = await setUp(
    numbered(8),
    async (texts) => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      handled.push(...texts)
    },
    { maxWaitMs: 100 },
  )
  await waitFor(() => flat().length > 0)
  expect(await running.stop(10_000)).toEqual([])
  expect(handled.length).toBeGreaterThanOrEqual(4)
  expect(handled.toSorted()).toEqual(flat().toSorted())
  expect(await lettersStored()).toBe(0)
})

test('whatever batches do, every message ends once: handled, or a dead letter', { timeout: 60_000 }, async () => {
  const messages = Array.from({ length: 400 }, (_, i) => (i % 41 === 7 ? `poison-${i}` : `m${i}`))
  const handled: string[] = []
  let calls = 0
  const { settled, letters } = await setUp(
    messages,
    (texts) => {
      calls++
      if (calls % 7 === 0) throw new RetryLater(5)
      if (texts.some((text) => text.startsWith('poison'))) throw new Error('poison')
      if (calls % 5 === 0) {
        handled.push(...texts.slice(1))
        return texts.map((_, i) => (i === 0 ? new RetryLater(5) : undefined))
      }
      handled.push(...texts)
      return undefined
    },
    { maxMessages: 10, maxWaitMs: 2, maxBatches: 3 },
  )
  await settled()
  const given = (await letters()).map(({ seq }) => messages[seq - 1] as string)
  expect(handled.toSorted()).toEqual(messages.filter((text) => text.startsWith('m')).toSorted())
  expect(given.toSorted()).toEqual(messages.filter((text) => text.startsWith('poison')).toSorted())
})

test('bounds that cannot work are refused, and a subscriber that hands out fewer messages than a batch', async () => {
  const { connection, contracts, toBot } = await openWithStreams(broker.current)
  const refused = { code: KitErrorCode.InvalidOptions }
  for (const options of [{ maxMessages: 0 }, { maxMessages: 10_001 }, { maxWaitMs: -1 }, { maxBatches: 0 }])
    expect(() => handleMany(toBot, () => undefined, { maxMessages: 1, maxWaitMs: 0, ...options })).toThrow(
      expect.objectContaining(refused),
    )
  const handlers = [handleMany(toBot, () => undefined, { maxMessages: 17, maxWaitMs: 0 })]
  expect(() => createSubscriber(connection, { contracts, app: 'app', handlers })).toThrow(
    expect.objectContaining({ ...refused, message: expect.stringContaining('takes 17 messages at a time') }),
  )
})
