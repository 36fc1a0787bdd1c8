import { describe, expect, test } from 'vitest'
import {
  createJetStreamPublisher,
  createSubscriber,
  DeadLetter,
  defineHandler,
  type HandlerOptions,
  type MessageContext,
  RetryLater,
  type SubscriberOptions,
} from '../src/index.ts'
import { deadLetterStreamName } from '../src/admin.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, manager, onEnd, openWithStreams, useBroker } from './harness.ts'

const broker = useBroker()

async function setUp(
  handle: (message: { message: string }, context: MessageContext) => Promise<void> | void,
  options: Partial<SubscriberOptions> = {},
  handlerOptions: HandlerOptions = {},
) {
  const made = await openWithStreams(broker.current)
  const { connection, contracts, toBot, stream } = made
  const publisher = createJetStreamPublisher(connection, { contracts })
  onEnd(() => publisher.close())
  const subscriber = createSubscriber(connection, {
    contracts,
    app: 'app',
    handlers: [defineHandler(toBot, handle, handlerOptions)],
    ...options,
  })
  onEnd(() => subscriber.stop(1_000))
  subscriber.start()
  const jsm = await manager(connection)
  const letters = deadLetterStreamName(stream.name)
  return {
    ...made,
    publisher,
    subscriber,
    jsm,
    letters,
    letter: (seq: number) => jsm.streams.getMessage(letters, { seq }),
  }
}

describe('what a handler can ask for', () => {
  test('DeadLetter: at once, with its reason', async () => {
    let calls = 0
    const { publisher, toBot, letters, letter, connection } = await setUp(() => {
      calls++
      throw new DeadLetter('no such chat', { cause: new Error('404') })
    })
    await publisher.publish(toBot, { message: 'x' })
    await waitFor(async () => (await countMessages(connection, letters)) === 1)
    expect((await letter(1))?.header.get('Dead-Letter-Reason')).toBe('handler_gave_up')
    expect((await letter(1))?.header.get('Dead-Letter-Error')).toBe('no such chat: 404')
    expect(calls).toBe(1)
  })

  test('RetryLater: after the delay it names, not the policy’s', async () => {
    const calls: number[] = []
    const { publisher, toBot } = await setUp(
      (_, { deliveryCount }) => {
        calls.push(performance.now())
        if (deliveryCount === 1) throw new RetryLater(300)
      },
      { retry: { baseMs: 60_000 } },
    )
    await publisher.publish(toBot, { message: 'x' })
    await waitFor(() => calls.length === 2)
    expect((calls[1] as number) - (calls[0] as number)).toBeGreaterThanOrEqual(295)
  })

  test('a policy of the channel’s own: its deliveries, its waits, from a function that sees the error', async () => {
    const asked: [number, string][] = []
    const { publisher, toBot, connection, letters, letter } = await setUp(
      () => {
        throw new Error('busy')
      },
      { retry: { baseMs: 60_000 } },
      {
        maxDeliver: 2,
        retry: (deliveryCount, error) => {
          asked.push([deliveryCount, (error as Error).message])
          return 20
        },
      },
    )
    await publisher.publish(toBot, { message: 'x' })
    await waitFor(async () => (await countMessages(connection, letters)) === 1)
    expect(asked).toEqual([[1, 'busy']])
    expect((await letter(1))?.header.get('Dead-Letter-Deliveries')).toBe('2')
  })

  test('a retry function that fails does not cost the message', async () => {
    const { publisher, toBot, connection } = await setUp(
      () => {
        throw new Error('busy')
      },
      {},
      { retry: () => Number.NaN },
    )
    const scheduled: number[] = []
    connection.events.on('retryScheduled', ({ delayMs }) => scheduled.push(delayMs))
    await publisher.publish(toBot, { message: 'x' })
    await waitFor(() => scheduled.length === 1)
    expect(scheduled[0]).toBeGreaterThanOrEqual(800)
    expect(connection.logs.lines.some((line) => line.fields['event'] === 'retryPolicyFailed')).toBe(true)
  })
})

test.each([
  [
    'waits that outlast the stream',
    { retry: { baseMs: 3_600_000, capMs: 3_600_000 } },
    {},
    /vanish before its last delivery/,
  ],
  ['an ack wait longer than a handler may run', { ackWaitMs: 1_000, maxHandlerMs: 500 }, {}, /maxHandlerMs 500/],
  ['a factor below 1', {}, { retry: { factor: 0.5 } }, /factor from 1/],
  ['no deliveries', {}, { maxDeliver: 0 }, /maxDeliver/],
])('refused at start, naming the channel: %s', async (_, options, handlerOptions, why) => {
  await expect(setUp(() => undefined, options, handlerOptions)).rejects.toThrow(why)
  await expect(setUp(() => undefined, options, handlerOptions)).rejects.toThrow('"to-bot"')
})

describe('dead letters without a hole', () => {
  test('a handler that hangs to the end leaves one, with the original', async () => {
    const { publisher, toBot, connection, letters, letter } = await setUp(() => new Promise(() => undefined), {
      ackWaitMs: 300,
      maxHandlerMs: 300,
      handlerGraceMs: 100,
      maxDeliver: 2,
      retry: { baseMs: 10 },
    })
    await publisher.publish(toBot, { message: 'hangs' }, { id: 'h1' })
    await waitFor(async () => (await countMessages(connection, letters)) === 1)
    expect((await letter(1))?.json()).toEqual({ message: 'hangs' })
    const header = async (name: string) => (await letter(1))?.header.get(name)
    expect(await header('Dead-Letter-Reason')).toBe('never_settled')
    expect(await header('Dead-Letter-Consumer')).toBe('app_to-bot')
    expect(await header('Dead-Letter-Deliveries')).toBe('2')
    expect(await header('Dead-Letter-Sequence')).toBe('1')
    expect(await header('Dead-Letter-Original-Nats-Msg-Id')).toBe('h1')
  })

  test('a recreated consumer counts from the first delivery again, and so does the kit', async () => {
    let isLater = true
    let asked = 0
    let failures = 0
    const { connection, jsm, publisher, stream, toBot, letters } = await setUp(
      () => {
        if (isLater) {
          asked++
          throw new RetryLater(20)
        }
        failures++
        throw new Error('always')
      },
      { retry: { baseMs: 10 } },
    )
    await publisher.publish(toBot, { message: 'x' })
    await waitFor(() => asked >= 5)
    await jsm.consumers.delete(stream.name, 'app_to-bot')
    const info = () => jsm.consumers.info(stream.name, 'app_to-bot').catch(() => undefined)
    await waitFor(async () => (await info())?.delivered.consumer_seq === 1, { deadlineMs: 30_000 })
    // Where the delivery is by now that was seen on the broker.
    await connection.client.flush()
    isLater = false
    await waitFor(async () => (await countMessages(connection, letters)) === 1, { deadlineMs: 30_000 })
    expect(failures).toBe(3)
  })
})
