import { context, type HrTime, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  createCorePublisher,
  createJetStreamPublisher,
  createSubscriber,
  DeadLetter,
  defineListener,
  handleMany,
  KitErrorCode,
} from '../src/index.ts'
import { createListeners } from '../src/core/listeners.ts'
import { waitFor } from '../src/testing.ts'
import { onEnd, openWithStreams, useBroker } from './harness.ts'
import { setUpRedrive } from './redrive-harness.ts'
import { failure, setScene } from './requests/scene.ts'

const broker = useBroker()
const exporter = new InMemorySpanExporter()
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
const FOREIGN = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(provider)
})
afterAll(() => {
  trace.disable()
  context.disable()
})
beforeEach(() => exporter.reset())

/** The spans of one operation on a subject, once there are so many, oldest first. */
async function spansOf(name: string, count = 1): Promise<readonly ReadableSpan[]> {
  const found = (): ReadableSpan[] => exporter.getFinishedSpans().filter((span) => span.name === name)
  await waitFor(() => found().length >= count, { what: `${count} spans ${name}` })
  return found().sort((a, b) => nanos(a.startTime) - nanos(b.startTime))
}

const nanos = ([seconds, rest]: HrTime): number => seconds * 1e9 + rest
const idOf = (span: ReadableSpan | undefined): string | undefined => span?.spanContext().spanId
const traceOf = (span: ReadableSpan | undefined): string | undefined => span?.spanContext().traceId
const linkedTo = (span: ReadableSpan | undefined): readonly string[] =>
  span?.links.map(({ context: { spanId } }) => spanId) ?? []

describe('a published message', () => {
  test('is handled in the trace of what published it, and each retry links to the delivery before', async () => {
    const made = await setUpRedrive(broker.current)
    const during: (string | undefined)[] = []
    await made.app('bot', async (_, { deliveryCount }) => {
      during.push(trace.getActiveSpan()?.spanContext().traceId)
      if (deliveryCount < 3) throw new TypeError('not yet')
    })
    const outer = trace.getTracer('test').startSpan('outer')
    const { id, seq } = await context.with(trace.setSpan(context.active(), outer), () =>
      made.publisher.publish(made.toBot, { message: 'x' }),
    )
    outer.end()
    const { subject } = made.toBot
    const [published] = await spansOf(`publish ${subject}`)
    const deliveries = await spansOf(`process ${subject}`, 3)
    expect([published?.parentSpanContext?.spanId, published?.kind]).toEqual([
      outer.spanContext().spanId,
      SpanKind.PRODUCER,
    ])
    expect(published?.attributes).toEqual({
      'messaging.system.name': 'nats',
      'messaging.operation.name': 'publish',
      'messaging.operation.type': 'send',
      'messaging.destination.name': subject,
      'messaging.message.id': id,
      'nats.stream.name': made.stream.name,
      'nats.stream.sequence': seq,
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(broker.current.url).port),
    })
    expect(during).toEqual(deliveries.map(traceOf))
    expect(new Set(deliveries.map(traceOf))).toEqual(new Set([outer.spanContext().traceId]))
    const [first, second, third] = deliveries
    for (const each of deliveries) {
      expect([each.kind, each.parentSpanContext?.spanId]).toEqual([SpanKind.CONSUMER, idOf(published)])
    }
    expect([first, second, third].map(linkedTo)).toEqual([
      [idOf(published)],
      [idOf(published), idOf(first)],
      [idOf(published), idOf(second)],
    ])
    expect(first?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'not yet' })
    expect(first?.attributes).toMatchObject({ 'error.type': 'TypeError', 'nats.message.verdict': 'retry' })
    expect(third?.status.code).toBe(SpanStatusCode.UNSET)
    expect(third?.attributes).toMatchObject({
      'messaging.consumer.group.name': expect.stringContaining('bot'),
      'messaging.message.id': id,
      'messaging.message.body.size': 15,
      'nats.stream.sequence': seq,
      'nats.message.delivery_count': 3,
    })
    const lines = made.connection.logs.lines.filter((line) => JSON.stringify(line).includes('retryScheduled'))
    expect(lines).toHaveLength(2)
  })

  test('whose handler throws what cannot be looked at ends its span all the same, and so does one that hangs', async () => {
    const made = await setUpRedrive(broker.current)
    const unreadable = new Proxy(
      Object.assign(() => undefined, {}),
      {
        get() {
          throw new Error('looked at')
        },
        getPrototypeOf() {
          throw new Error('looked at')
        },
      },
    )
    const limits = { maxDeliver: 1, maxHandlerMs: 600, handlerGraceMs: 200, ackWaitMs: 600 }
    const handle = async ({ message }: { readonly message: string }): Promise<void> => {
      if (message === 'hangs') await new Promise(() => undefined)
      else throw unreadable
    }
    await made.app('bot', handle, limits)
    await made.publisher.publish(made.toBot, { message: 'throws' })
    await made.publisher.publish(made.toBot, { message: 'hangs' })
    await made.waitForLetters(2)
    const spans = await spansOf(`process ${made.toBot.subject}`, 2)
    expect(spans.map(({ attributes }) => attributes['nats.message.verdict'])).toEqual(['dead_letter', 'dead_letter'])
    expect(spans.map(({ status }) => status.code)).toEqual([SpanStatusCode.ERROR, SpanStatusCode.ERROR])
  })

  test('that is redriven begins a trace of its own, with a link to the one of its original', async () => {
    const made = await setUpRedrive(broker.current)
    let isDown = true
    await made.app('bot', () => {
      if (isDown) throw new DeadLetter('down')
    })
    await made.publisher.publish(made.toBot, { message: 'x' })
    await made.waitForLetters(1)
    isDown = false
    await made.redrive()
    await made.waitForNoRedrives()
    const [published] = await spansOf(`publish ${made.toBot.subject}`)
    const [failed, redriven] = await spansOf(`process ${made.toBot.subject}`, 2)
    expect(failed?.attributes).toMatchObject({ 'error.type': 'handler_gave_up', 'nats.message.verdict': 'dead_letter' })
    expect(redriven?.attributes).toMatchObject({ 'nats.message.redrive_count': 1, 'nats.stream.sequence': 1 })
    expect([redriven?.parentSpanContext, linkedTo(redriven)]).toEqual([undefined, [idOf(published)]])
    expect(traceOf(redriven)).not.toBe(traceOf(published))
  })

  test('keeps a valid context of its caller’s, loses an invalid one, and may have as many other headers as ever', async () => {
    const made = await openWithStreams(broker.current)
    const publisher = createJetStreamPublisher(made.connection, { contracts: made.contracts })
    onEnd(() => publisher.close())
    const seen: (string | undefined)[][] = []
    const subscriber = createSubscriber(made.connection, {
      contracts: made.contracts,
      app: 'reader',
      handlers: [
        {
          channel: made.toBot,
          handle: (_, given) => void seen.push(['traceparent', 'tracestate'].map((name) => given.header(name))),
        },
      ],
    })
    onEnd(() => subscriber.stop(1_000))
    const send = (headers: Record<string, string>) => publisher.publish(made.toBot, { message: 'x' }, { headers })
    await send({ traceparent: FOREIGN, tracestate: 'vendor=1' })
    await send({ traceparent: `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'vendor=1' })
    await send({ Traceparent: FOREIGN.slice(1) })
    await send({ Own: 'x'.repeat(4_096 - 'Own: \r\n'.length) })
    subscriber.start()
    await waitFor(() => seen.length === 4)
    const sent = await spansOf(`publish ${made.toBot.subject}`, 4)
    const own = (span: ReadableSpan | undefined) => `00-${traceOf(span)}-${idOf(span)}-01`
    expect(seen).toEqual([[FOREIGN, 'vendor=1'], ...sent.slice(1).map((span) => [own(span), undefined])])
    expect(sent.map(linkedTo)).toEqual([['b'.repeat(16)], [], [], []])
    const [handled] = await spansOf(`process ${made.toBot.subject}`, 4)
    expect([traceOf(handled), handled?.parentSpanContext?.spanId]).toEqual(['a'.repeat(32), 'b'.repeat(16)])
  })
})

describe('a batch', () => {
  test('is published in one span, and handled in one that links to each of its messages', async () => {
    const made = await openWithStreams(broker.current)
    const publisher = createJetStreamPublisher(made.connection, { contracts: made.contracts })
    onEnd(() => publisher.close())
    const { id } = await publisher.publish(made.toBot, { message: 'alone' })
    const { ids, lastSeq } = await publisher.publishMany(made.toBot, [{ message: 'a' }, { message: 'b' }])
    await publisher.publishStream(made.toLog, [{ message: 'c' }, { message: 'd' }])
    const handled: (string | undefined)[] = []
    const subscriber = createSubscriber(made.connection, {
      contracts: made.contracts,
      app: 'many',
      handlers: [
        handleMany(made.toBot, async (batch) => void handled.push(...batch.map(({ context: { id } }) => id)), {
          maxMessages: 3,
          maxWaitMs: 5_000,
        }),
      ],
    })
    onEnd(() => subscriber.stop(1_000))
    subscriber.start()
    await waitFor(() => handled.length === 3)
    expect(handled).toEqual([id, ...ids])
    const [single, batch] = await spansOf(`publish ${made.toBot.subject}`, 2)
    const [streamed] = await spansOf(`publish ${made.toLog.subject}`)
    expect(batch?.attributes).toMatchObject({ 'messaging.batch.message_count': 2, 'nats.stream.sequence': lastSeq })
    expect(streamed?.attributes).toMatchObject({ 'messaging.batch.message_count': 2, 'nats.stream.sequence': 5 })
    const spans = await spansOf(`process ${made.toBot.subject}`, 4)
    const of = (isBatch: boolean) =>
      spans.filter((span) => 'messaging.batch.message_count' in span.attributes === isBatch)
    expect(of(false).map((span) => span.parentSpanContext?.spanId)).toEqual([idOf(single), idOf(batch), idOf(batch)])
    expect(of(true).map(linkedTo)).toEqual([[idOf(single), idOf(batch), idOf(batch)]])
  })
})

describe('what is not stored', () => {
  test('is heard in the trace of its publisher', async () => {
    const made = await openWithStreams(broker.current)
    const heard: (string | undefined)[] = []
    const listener = defineListener(made.toBot, () => void heard.push(trace.getActiveSpan()?.spanContext().traceId))
    const listeners = createListeners(made.connection, { contracts: made.contracts, listeners: [listener] })
    listeners.start()
    onEnd(() => listeners.stop(1_000))
    await made.connection.client.flush()
    await createCorePublisher(made.connection, { contracts: made.contracts }).publish(made.toBot, { message: 'x' })
    const [published] = await spansOf(`publish core.${made.toBot.subject}`)
    const [listened] = await spansOf(`process core.${made.toBot.subject}`)
    expect([listened?.parentSpanContext?.spanId, heard]).toEqual([idOf(published), [traceOf(published)]])
  })

  test('as a request is answered in the trace of who asked, and says how it failed', async () => {
    const { requester, division, answer } = await setScene(broker.current)
    await answer(async ({ a, b, note }, call) => {
      if (b === 0) throw call.error('division_by_zero', { a })
      return { quotient: a / b, note }
    })
    await requester.request(division, { a: 6, b: 3 })
    await failure(requester.request(division, { a: 6, b: 0 }))
    const asked = await spansOf(`request ${division.subject}`, 2)
    const answered = await spansOf(`respond ${division.subject}`, 2)
    expect(asked.map(({ kind }) => kind)).toEqual([SpanKind.CLIENT, SpanKind.CLIENT])
    expect(answered.map(({ kind }) => kind)).toEqual([SpanKind.SERVER, SpanKind.SERVER])
    expect(answered.map((span) => span.parentSpanContext?.spanId)).toEqual(asked.map(idOf))
    expect(asked.map(({ attributes }) => attributes['error.type'])).toEqual([undefined, KitErrorCode.RemoteError])
    expect(asked[0]?.attributes).toMatchObject({ 'nats.request.name': 'division', 'messaging.operation.type': 'send' })
  })
})

test('tracing changes neither what is refused nor how', async () => {
  const made = await openWithStreams(broker.current)
  const publisher = createJetStreamPublisher(made.connection, { contracts: made.contracts })
  onEnd(() => publisher.close())
  const codeOf = async (publishing: Promise<unknown>) => (await failure(publishing)).code
  expect(await codeOf(publisher.publish(undefined as never, {} as never))).toBe(KitErrorCode.Unexpected)
  expect(await codeOf(publisher.publish(made.toBot, { message: '' }))).toBe(KitErrorCode.InvalidMessage)
  expect(await codeOf(publisher.publishMany(made.toBot, []))).toBe(KitErrorCode.InvalidBatch)
  expect(await codeOf(publisher.publish(made.toBot, { message: 'x' }, { headers: { Own: 'x'.repeat(4_096) } }))).toBe(
    KitErrorCode.InvalidHeader,
  )
  const [span] = await spansOf(`publish ${made.toBot.subject}`)
  expect(span?.attributes).toMatchObject({ 'error.type': KitErrorCode.InvalidMessage })
})

test('without an SDK a message has no trace but its caller’s, whose values are bounded', async () => {
  trace.disable()
  const made = await openWithStreams(broker.current)
  const publisher = createJetStreamPublisher(made.connection, { contracts: made.contracts })
  onEnd(() => publisher.close())
  const { client } = made.connection
  const seen: (string | undefined)[] = []
  client.subscribe(made.toBot.subject, {
    callback: (_, message) => void seen.push(message.headers?.get('traceparent')),
  })
  await client.flush()
  await publisher.publish(made.toBot, { message: 'x' })
  await publisher.publish(made.toBot, { message: 'x' }, { headers: { traceparent: FOREIGN } })
  const refused = await failure(
    publisher.publish(made.toBot, { message: 'x' }, { headers: { traceparent: 'x'.repeat(513) } }),
  )
  await waitFor(() => seen.length === 2)
  expect([seen, refused.code]).toEqual([['', FOREIGN], KitErrorCode.InvalidHeader])
  expect(exporter.getFinishedSpans()).toEqual([])
})
