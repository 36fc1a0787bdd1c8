import type { Msg } from '@nats-io/transport-node'
import { describe, expect, test, vi } from 'vitest'
import {
  DeadLetter,
  defineHandler,
  ensureStreams,
  createSubscriber,
  createJetStreamPublisher,
  HeaderName,
  type MessageContext,
  type MessageHandler,
  RetryLater,
} from '../src/index.ts'
import { DeadLetterHeader, deadLetterStreamName } from '../src/admin.ts'
import { deliver, type DeliveryReport, waitFor } from '../src/testing.ts'
import { makeContracts, manager, onEnd, open, useBroker } from './harness.ts'

const { contracts, toBot, toLog } = makeContracts()

describe('what becomes of the message', () => {
  const cases: readonly [string, () => void | Promise<void>, Partial<DeliveryReport>][] = [
    ['returns', () => undefined, { outcome: 'ack', verdict: '+ACK' }],
    ['resolves', async () => undefined, { outcome: 'ack' }],
    ['throws', () => fail('away'), { outcome: 'nak', delayMs: 1_000, error: 'away' }],
    ['rejects', async () => fail('away'), { outcome: 'nak', delayMs: 1_000, error: 'away' }],
    ['throws RetryLater', () => raise(new RetryLater(90_000)), { outcome: 'nak', delayMs: 90_000 }],
    [
      'throws DeadLetter',
      () => raise(new DeadLetter('gone')),
      { outcome: 'deadLetter', reason: 'handler_gave_up', error: 'gone', issues: [] },
    ],
  ]
  test.each(cases)('a handler that %s', async (_what, handle, expected) => {
    expect(await deliver(defineHandler(toBot, handle, { retry: { jitter: 0 } }), { message: 'm' })).toMatchObject(
      expected,
    )
  })

  test('the delays grow, and the last delivery ends as a dead letter', async () => {
    const handler = defineHandler(toBot, () => fail('away'), { retry: { jitter: 0 }, maxDeliver: 4 })
    const at = (deliveryCount: number) => deliver(handler, { message: 'm' }, { deliveryCount })
    expect((await at(2)).delayMs).toBe(5_000)
    expect((await at(3)).delayMs).toBe(25_000)
    expect(await at(4)).toMatchObject({ outcome: 'deadLetter', reason: 'deliveries_exhausted', error: 'away' })
  })

  test('bytes that are not the schema, or not JSON, never reach the handler', async () => {
    const handle = vi.fn<() => void>()
    const handler = defineHandler(toBot, handle)
    const wrong = await deliver(handler, Buffer.from('{"message":1}'))
    expect(wrong).toMatchObject({ outcome: 'deadLetter', reason: 'invalid_message', issues: [{ path: '/message' }] })
    const noJson = await deliver(handler, Buffer.from('{'))
    expect(noJson).toMatchObject({ outcome: 'deadLetter', issues: [{ code: 'not_json' }] })
    expect(Buffer.from(noJson.letter?.data ?? []).toString()).toBe('{')
    expect(handle).not.toHaveBeenCalled()
  })

  test('a message that could not be published is refused, as the publisher refuses it', async () => {
    const handler = defineHandler(toBot, () => undefined)
    await expect(deliver(handler, { message: 1 })).rejects.toMatchObject({ code: 'invalid_message' })
    await expect(deliver(handler, { message: 'm', more: 1 })).rejects.toMatchObject({ code: 'invalid_message' })
  })
})

test('a handler that runs on: signals that it does; one that never ends is told to and given up', async () => {
  vi.useFakeTimers()
  try {
    const times = { ackWaitMs: 30_000, maxHandlerMs: 60_000 }
    const slow = defineHandler(toBot, () => new Promise((resolve) => setTimeout(resolve, 45_000)))
    const report = deliver(slow, { message: 'm' }, times)
    await vi.advanceTimersByTimeAsync(45_000)
    expect(await report).toMatchObject({ outcome: 'ack', inProgress: 4 })

    let signal: AbortSignal | undefined
    const hangs = defineHandler(toBot, (_message, context) => {
      signal = context.signal
      return new Promise(() => undefined)
    })
    const abandoned = deliver(hangs, { message: 'm' }, times)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(signal?.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(signal?.aborted).toBe(true)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await abandoned).toMatchObject({
      outcome: 'nak',
      inProgress: 7,
      error: 'the handler ran for 80000 ms and did not heed its signal',
    })
    await vi.advanceTimersByTimeAsync(1)
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})

test('the context says what was said of the delivery', async () => {
  let context: MessageContext | undefined
  const handler = defineHandler(toBot, (_message, given) => {
    context = given
    given.logger.info({ event: 'seen' }, 'seen')
  })
  const storedAt = new Date('2026-01-02T03:04:05.678Z')
  const options = { contracts, app: 'my-app', deliveryCount: 2, seq: 17, id: 'order-1', storedAt, headers: { a: 'b' } }
  const { logs } = await deliver(toBot, { message: 'm' }, { ...options, handlers: [handler] })
  const { channel, subject, stream, consumer, seq, deliveryCount, id } = context as MessageContext
  expect({ channel, subject, stream, consumer, seq, deliveryCount, id }).toEqual({
    channel: 'to-bot',
    subject: toBot.subject,
    stream: contracts.streams[0]?.name,
    consumer: 'my-app_to-bot',
    seq: 17,
    deliveryCount: 2,
    id: 'order-1',
  })
  expect(context?.storedAt).toEqual(storedAt)
  expect([context?.header('a'), context?.header(HeaderName.Channel)]).toEqual(['b', 'to-bot'])
  expect(logs).toMatchObject([{ fields: { event: 'seen' } }])
})

test.each([
  [{ deliveryCount: 0 }, 'deliveryCount'],
  [{ seq: 1.5 }, 'seq'],
  [{ ackWaitMs: 1 }, 'ackWaitMs'],
  [{ app: 'My App' }, 'kebab case'],
])('%j is refused', async (options, why) => {
  const handled = deliver(
    defineHandler(toBot, () => undefined),
    { message: 'm' },
    options,
  )
  await expect(handled).rejects.toMatchObject({ code: 'invalid_options', message: expect.stringContaining(why) })
})

test('a channel that the list does not handle is refused, naming it', async () => {
  const handlers = [defineHandler(toBot, () => undefined)]
  await expect(deliver(toLog, { message: 'm' }, { handlers })).rejects.toThrow('"to-log"')
})

describe('beside a real broker', () => {
  const broker = useBroker()

  const behaviours: Readonly<Record<string, () => void>> = {
    ack: () => undefined,
    nak: () => fail('away'),
    letter: () => raise(new DeadLetter('gone')),
  }
  const handlerOf = (channel: typeof toBot): MessageHandler =>
    defineHandler(channel, ({ message }) => behaviours[message]?.(), { retry: { jitter: 0 } })

  test.each([...Object.keys(behaviours), 'invalid'])('%s: the same verdict and the same dead letter', async (what) => {
    const made = makeContracts()
    const connection = await open(broker.current)
    await ensureStreams(connection, [made.stream], { mode: 'apply' })
    const verdicts: string[] = []
    connection.client.subscribe('$JS.ACK.>', {
      callback: (_error, message: Msg) => void verdicts.push(message.string()),
    })
    const options = { contracts: made.contracts, app: 'test', handlers: [handlerOf(made.toBot)] }
    const subscriber = createSubscriber(connection, options)
    onEnd(() => subscriber.stop(2_000))
    subscriber.start()
    if (what === 'invalid') connection.client.publish(made.toBot.subject, '{"message":1}')
    else
      await createJetStreamPublisher(connection, { contracts: made.contracts }).publish(
        made.toBot,
        { message: what },
        { id: 'i' },
      )
    await waitFor(() => verdicts.length > 0, { what: 'a verdict' })

    const report = await deliver(made.toBot, what === 'invalid' ? Buffer.from('{"message":1}') : { message: what }, {
      ...options,
      ...(what === 'invalid' ? {} : { id: 'i' }),
    })
    expect(report.verdict).toBe(verdicts[0])
    const stored = await (
      await manager(connection)
    ).streams.getMessage(deadLetterStreamName(made.stream.name), { seq: 1 })
    expect(report.letter !== undefined).toBe(stored !== null)
    if (!stored || !report.letter) return
    expect(Buffer.from(report.letter.data)).toEqual(Buffer.from(stored.data))
    const headers = Object.fromEntries([...stored.header].map(([name, values]) => [name, values[0]]))
    // What a real stream has said of a real message, and only of that.
    const own = [HeaderName.ExpectedStream, HeaderName.Channel, HeaderName.Version, HeaderName.ContentType]
    const without = (all: Readonly<Record<string, unknown>>): unknown =>
      Object.fromEntries(
        Object.entries(all).filter(
          ([name]) =>
            name !== DeadLetterHeader.Time &&
            (what !== 'invalid' || !own.includes(name as never)) &&
            !/Original-Nats-Expected/.test(name),
        ),
      )
    expect(without(report.letter.headers)).toEqual(without(headers))
  })
})

function fail(why: string): never {
  throw new Error(why)
}

function raise(error: Error): never {
  throw error
}
