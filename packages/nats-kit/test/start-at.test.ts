import { jetstream } from '@nats-io/jetstream'
import { describe, expect, test } from 'vitest'
import {
  createSubscriber,
  defineHandler,
  type HandlerOptions,
  KitErrorCode,
  type SubscriberOptions,
} from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { manager, onEnd, open, openWithStreams, useBroker } from './harness.ts'

const broker = useBroker()

async function setUp() {
  const made = await openWithStreams(broker.current)
  const { connection, contracts, toBot, stream } = made
  const handled: string[] = []
  const create = (options: Partial<SubscriberOptions> = {}, own: HandlerOptions = {}) => {
    const handlers = [defineHandler(toBot, ({ message }) => void handled.push(message), own)]
    const subscriber = createSubscriber(connection, { contracts, app: 'app', handlers, ...options })
    onEnd(() => subscriber.stop(2_000))
    return subscriber
  }
  const start = async (options: Partial<SubscriberOptions> = {}, own: HandlerOptions = {}) => {
    const subscriber = create(options, own)
    subscriber.start()
    await waitFor(() => subscriber.checks().every(({ ok }) => ok))
    return subscriber
  }
  const publish = async (...messages: string[]) => {
    for (const message of messages)
      await jetstream(connection.client).publish(toBot.subject, JSON.stringify({ message }))
  }
  const jsm = await manager(connection)
  const said = (event: string) => connection.logs.lines.filter(({ fields }) => fields['event'] === event)
  return { ...made, handled, create, start, publish, jsm, said, name: stream.name }
}

const range = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}-${i}`)

describe('a durable that does not exist yet', () => {
  test('begins with all that the stream holds, and says how much that is and how to avoid it', async () => {
    const { publish, start, handled, said, name } = await setUp()
    await publish(...range('old', 5))
    await start()
    await waitFor(() => handled.length === 5)
    expect(said('backlogAtStart')).toMatchObject([
      {
        level: 'info',
        message: expect.stringContaining('startAt: "new"'),
        fields: { stream: name, consumer: 'app_to-bot', channel: 'to-bot', messages: 5, startAt: 'all' },
      },
    ])
  })

  test.each([
    ['the subscriber says', (startAt: 'new') => [{ startAt }, {}] as const],
    ['the handler says', (startAt: 'new') => [{ startAt: 'all' }, { startAt }] as const],
  ])('begins with what is new where %s so, and goes on where it stopped after a restart', async (_, optionsOf) => {
    const { publish, start, handled, said } = await setUp()
    await publish(...range('old', 5))
    const [options, own] = optionsOf('new')
    const first = await start(options, own)
    await publish('new-0')
    await waitFor(() => handled.length === 1)
    await first.stop(2_000)
    await publish('new-1')
    await start(options, own)
    await waitFor(() => handled.length === 2)
    expect(handled).toEqual(['new-0', 'new-1'])
    expect(said('backlogAtStart')).toEqual([])
  })

  test('begins at a sequence, and at a time', async () => {
    const { publish, start, handled, jsm, name } = await setUp()
    await publish(...range('m', 3))
    const stored = Date.now()
    await waitFor(() => Date.now() > stored + 5)
    const time = new Date()
    await publish('m-3', 'm-4')
    const first = await start({ startAt: { sequence: 3 } })
    await waitFor(() => handled.length === 3)
    expect(handled).toEqual(['m-2', 'm-3', 'm-4'])
    await first.stop(2_000)
    await jsm.consumers.delete(name, 'app_to-bot')
    await start({ startAt: { time } })
    await waitFor(() => handled.length === 5)
    expect(handled.slice(3)).toEqual(['m-3', 'm-4'])
  })

  test('a durable that began with what is new is not recreated with what was before, whatever happens to it', async () => {
    const { publish, start, handled, jsm, name } = await setUp()
    await publish(...range('old', 5))
    const subscriber = await start({ startAt: 'new', watchdog: { lookMs: 50, idleLookMs: 50 } })
    await jsm.consumers.delete(name, 'app_to-bot')
    await waitFor(() => !subscriber.checks().every(({ ok }) => ok))
    await waitFor(() => subscriber.checks().every(({ ok }) => ok))
    // Nor is it beyond repair: another tool's filter is found out and gone back behind.
    await jsm.consumers.update(name, 'app_to-bot', { filter_subject: 'nothing.of.the.kind' }).catch(() => undefined)
    await publish('new-0')
    await waitFor(() => handled.includes('new-0'))
    expect(handled.filter((message) => message.startsWith('old'))).toEqual([])
  })

  test('what cannot be a start is refused by name', async () => {
    const { create } = await setUp()
    for (const startAt of [{ sequence: 0 }, { sequence: 1.5 }, { time: new Date(Number.NaN) }, 'last', {}] as never[]) {
      expect(() => create({ startAt })).toThrow(expect.objectContaining({ code: KitErrorCode.InvalidOptions }))
      expect(() => create({}, { startAt })).toThrow(/startAt/)
    }
  })
})

describe('an instance with a consumer of its own', () => {
  const instance = { delivery: 'fan-out', instanceId: '0', inactiveThresholdMs: 300 } as const

  test('returns after its consumer expired: says so, and goes on where it stopped', async () => {
    const { publish, start, handled, said, jsm, name } = await setUp()
    const first = await start(instance)
    await publish(...range('seen', 5))
    await waitFor(async () => (await jsm.consumers.info(name, 'app_to-bot_0')).ack_floor.stream_seq === 5)
    await first.stop(5_000)
    const isGone = () =>
      jsm.consumers.info(name, 'app_to-bot_0').then(
        () => false,
        () => true,
      )
    await waitFor(isGone, { deadlineMs: 30_000 })
    await publish(...range('missed', 3))
    await start(instance)
    await waitFor(() => handled.length === 8)
    expect(handled).toEqual([...range('seen', 5), ...range('missed', 3)])
    expect(said('instanceReturned')).toMatchObject([
      { level: 'warn', fields: { consumer: 'app_to-bot_0', messages: 3, startAt: { sequence: 6 } } },
    ])
  })

  test('is new: says that it may be, with what it will handle', async () => {
    const { publish, start, handled, said } = await setUp()
    await publish(...range('old', 4))
    await start(instance)
    await waitFor(() => handled.length === 4)
    expect(said('instanceReturned')).toEqual([])
    expect(said('backlogAtStart')).toMatchObject([
      { message: expect.stringContaining('this instance is new, or was away'), fields: { messages: 4 } },
    ])
  })
})

test('a subscriber that is started twice runs once', async () => {
  const { start, publish, handled, jsm, name, connection } = await setUp()
  let most = 0
  const other = await open(broker.current)
  other.client.subscribe(`$JS.API.CONSUMER.MSG.NEXT.${name}.app_to-bot`, {
    callback: (_, message) => {
      most += message.json<{ batch: number }>().batch
    },
  })
  await other.client.flush()
  const subscriber = await start({ concurrency: 4 })
  subscriber.start()
  subscriber.start()
  await connection.client.flush()
  await publish('one')
  await waitFor(() => handled.length === 1)
  // Four asked for, and one more each time that one was finished.
  expect(most).toBeLessThan(8)
  expect((await jsm.consumers.info(name, 'app_to-bot')).num_waiting).toBe(1)
})
