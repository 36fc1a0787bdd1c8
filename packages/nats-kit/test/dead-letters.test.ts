import type { Msg } from '@nats-io/transport-node'
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
      maxDeliver: 2,
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

  test('deliveries that nobody answered, and a term of somebody else’s, each leave one when the app is back', async () => {
    const { publisher, toBot, stream, connection, letters, letter, jsm, subscriber, contracts } = await setUp(
      () => undefined,
      { maxDeliver: 1, ackWaitMs: 1_000 },
    )
    await waitFor(() => subscriber.checks().every((check) => check.ok))
    await subscriber.stop(1_000)
    await publisher.publish(toBot, { message: 'crashes' })
    await publisher.publish(toBot, { message: 'terminated' })
    // A process that dies with its messages: pulled, and no answer to the first.
    const taken: Msg[] = []
    connection.client.subscribe('taken', {
      callback: (_, message) => {
        taken.push(message)
        // At once: after the ack wait a term comes too late, and both are messages that nobody settled.
        if (taken.length === 2) message.respond('+TERM by hand')
      },
    })
    connection.client.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${stream.name}.app_to-bot`,
      '{"batch":2,"expires":5000000000}',
      { reply: 'taken' },
    )
    await waitFor(() => taken.length === 2)
    await waitFor(async () => (await countMessages(connection, `${stream.name}_ADVISORIES`)) === 2)
    expect(await countMessages(connection, letters)).toBe(0)
    const again = createSubscriber(connection, {
      contracts,
      app: 'app',
      maxDeliver: 1,
      ackWaitMs: 1_000,
      handlers: [defineHandler(toBot, () => undefined)],
    })
    onEnd(() => again.stop(1_000))
    again.start()
    await waitFor(async () => (await countMessages(connection, letters)) === 2)
    const both = [await letter(1), await letter(2)].map((each) => [
      each?.json<{ message: string }>().message,
      each?.header.get('Dead-Letter-Reason'),
    ])
    expect(both.sort()).toEqual([
      ['crashes', 'never_settled'],
      ['terminated', 'terminated_elsewhere'],
    ])
    await waitFor(async () => (await countMessages(connection, `${stream.name}_ADVISORIES`)) === 0)
    expect((await jsm.consumers.list(stream.name).next()).map(({ name }) => name)).toEqual(['app_to-bot'])
  })

  test('one letter for each message and consumer, whichever way and however often it comes', async () => {
    const { connection, toBot, stream, letters, jsm } = await setUp(() => undefined)
    connection.client.publish(toBot.subject, 'not json')
    await waitFor(async () => (await countMessages(connection, letters)) === 1)
    // The kit's own term makes an advisory too; it is dealt with and adds nothing.
    await waitFor(
      async () =>
        (await jsm.consumers.info(`${stream.name}_ADVISORIES`, 'app_to-bot_advisories')).ack_floor.consumer_seq === 1,
    )
    connection.client.publish(
      `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${stream.name}.app_to-bot`,
      JSON.stringify({ type: 'io.nats.jetstream.advisory.v1.max_deliver', stream_seq: 1, deliveries: 3 }),
    )
    await waitFor(() => connection.logs.lines.some((line) => line.fields['event'] === 'deadLetterKnown'))
    expect(await countMessages(connection, letters)).toBe(1)
  })

  test('an original that left the stream leaves a letter without a body that says so', async () => {
    const { connection, toBot, stream, letters, letter } = await setUp(() => undefined)
    await waitFor(
      async () => (await (await manager(connection)).consumers.list(`${stream.name}_ADVISORIES`).next()).length === 1,
    )
    connection.client.publish(
      `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${stream.name}.app_to-bot`,
      JSON.stringify({ type: 'io.nats.jetstream.advisory.v1.max_deliver', stream_seq: 77, deliveries: 3 }),
    )
    await waitFor(async () => (await countMessages(connection, letters)) === 1)
    expect((await letter(1))?.header.get('Dead-Letter-Lost')).toBe('true')
    expect((await letter(1))?.header.get('Dead-Letter-Sequence')).toBe('77')
    expect((await letter(1))?.data.length).toBe(0)
    expect(toBot.subject).toBe((await letter(1))?.header.get('Dead-Letter-Subject'))
  })

  test('a damaged advisory is passed over and does not stop the next', async () => {
    const { connection, stream, letters } = await setUp(() => undefined)
    const subject = `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${stream.name}.app_to-bot`
    connection.client.publish(subject, '{')
    connection.client.publish(subject, '{"stream_seq":"one"}')
    connection.client.publish(subject, '{"stream_seq":5,"deliveries":1}')
    await waitFor(async () => (await countMessages(connection, letters)) === 1)
  })
})
