import { defineChannel, defineContracts, defineStream } from '@alarm-bus/contracts'
import { nuid } from '@nats-io/transport-node'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  createCorePublisher,
  createJetStreamPublisher,
  createMessageRouter,
  ensureStreams,
  KitError,
  KitErrorCode,
} from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, manager, makeContracts, onEnd, open, openWithStreams, useBroker } from './harness.ts'

const broker = useBroker()
const STREAM_LIMITS = { maxAgeMs: 3_600_000, maxMessages: 1_000, maxBytes: 1024 * 1024 }

async function setUp(options = {}) {
  const made = await openWithStreams(broker.current)
  const publisher = createJetStreamPublisher(made.connection, { contracts: made.contracts, ...options })
  onEnd(() => publisher.close())
  return { ...made, publisher }
}

async function failure(promise: Promise<unknown>): Promise<KitError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof KitError)) throw new Error(`expected a KitError, got ${String(error)}`)
  return error
}

describe('a publish that is stored', () => {
  test('resolves to the broker’s ack, and the stream holds the message with its headers', async () => {
    const { publisher, toBot, stream, connection } = await setUp()
    const receipt = await publisher.publish(toBot, { message: '불이야 🔥' }, { headers: { 'x-request-id': 'r1' } })
    expect(receipt).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      stream: stream.name,
      seq: 1,
      duplicate: false,
    })
    const stored = await (await manager(connection)).streams.getMessage(stream.name, { seq: 1 })
    expect(stored?.json()).toEqual({ message: '불이야 🔥' })
    expect(stored?.subject).toBe(toBot.subject)
    const header = (name: string) => stored?.header.get(name)
    expect(header('Nats-Msg-Id')).toBe(receipt.id)
    expect(header('Nats-Expected-Stream')).toBe(stream.name)
    expect(header('Content-Type')).toBe('application/json')
    expect(header('Contract-Channel')).toBe('to-bot')
    expect(header('Contract-Version')).toBe('1')
    expect(header('x-request-id')).toBe('r1')
  })

  test('the same id twice is one message, said in the receipt, the log and an event', async () => {
    const { publisher, toBot, stream, connection } = await setUp()
    const events: unknown[] = []
    connection.events.on('duplicateDetected', (detail) => events.push(detail))
    const first = await publisher.publish(toBot, { message: 'once' }, { id: 'order-1' })
    const second = await publisher.publish(toBot, { message: 'once' }, { id: 'order-1' })
    expect(first.duplicate).toBe(false)
    expect(second).toEqual({ ...first, duplicate: true })
    expect(await countMessages(connection, stream.name)).toBe(1)
    expect(events).toEqual([{ channel: 'to-bot', id: 'order-1', stream: stream.name, seq: 1 }])
    expect(connection.logs.lines.some((line) => line.fields['event'] === 'duplicateDetected')).toBe(true)
  })

  test('a time to live takes the message out of the stream', async () => {
    const { publisher, toBot, stream, connection } = await setUp()
    await publisher.publish(toBot, { message: 'short' }, { ttlSeconds: 1 })
    await publisher.publish(toBot, { message: 'long' })
    expect(await countMessages(connection, stream.name)).toBe(2)
    await waitFor(async () => (await countMessages(connection, stream.name)) === 1, { what: 'the expiry' })
    const left = await (await manager(connection)).streams.getMessage(stream.name, { last_by_subj: toBot.subject })
    expect(left?.json()).toEqual({ message: 'long' })
  })

  test('many at once: each has its own ack', async () => {
    const { publisher, toLog, stream, connection } = await setUp()
    const receipts = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => publisher.publish(toLog, { message: `m${i}` })),
    )
    expect(new Set(receipts.map((receipt) => receipt.seq)).size).toBe(1_000)
    expect(new Set(receipts.map((receipt) => receipt.id)).size).toBe(1_000)
    expect(await countMessages(connection, stream.name)).toBe(1_000)
  })
})

describe('a publish that is refused before it is sent', () => {
  test.each([
    ['a schema violation', { message: '' }, {}, KitErrorCode.InvalidMessage, '/message'],
    ['an unknown field', { message: 'x', colour: 'red' }, {}, KitErrorCode.InvalidMessage, '/colour'],
    ['an id of 129 characters', { message: 'x' }, { id: 'i'.repeat(129) }, KitErrorCode.InvalidMessageId, undefined],
    [
      'an id with a line break',
      { message: 'x' },
      { id: 'a\r\nNats-TTL: 1s' },
      KitErrorCode.InvalidMessageId,
      undefined,
    ],
    ['an empty id', { message: 'x' }, { id: '' }, KitErrorCode.InvalidMessageId, undefined],
    ['ttl 0', { message: 'x' }, { ttlSeconds: 0 }, KitErrorCode.InvalidTtl, undefined],
    ['a negative ttl', { message: 'x' }, { ttlSeconds: -1 }, KitErrorCode.InvalidTtl, undefined],
    ['half a second', { message: 'x' }, { ttlSeconds: 0.5 }, KitErrorCode.InvalidTtl, undefined],
    ['a ttl that is not a number', { message: 'x' }, { ttlSeconds: Number.NaN }, KitErrorCode.InvalidTtl, undefined],
    [
      'a header of the broker’s',
      { message: 'x' },
      { headers: { 'Nats-Rollup': 'all' } },
      KitErrorCode.InvalidHeader,
      undefined,
    ],
    [
      'a header with a line break',
      { message: 'x' },
      { headers: { a: 'b\nc: d' } },
      KitErrorCode.InvalidHeader,
      undefined,
    ],
    [
      'a header name with a blank',
      { message: 'x' },
      { headers: { 'a b': 'c' } },
      KitErrorCode.InvalidHeader,
      undefined,
    ],
  ])('%s', async (_, message, options, code, path) => {
    const { publisher, toBot, stream, connection } = await setUp()
    const error = await failure(publisher.publish(toBot, message as { message: string }, options))
    expect(error.code).toBe(code)
    if (path !== undefined) expect(error.issues.map((issue) => issue.path)).toEqual([path])
    expect(await countMessages(connection, stream.name)).toBe(0)
  })

  test('an unknown field deep inside names its path', async () => {
    const { publisher, toLog } = await setUp()
    const error = await failure(publisher.publish(toLog, { message: 'x', at: { line: 1, col: 2 } } as never))
    expect(error.issues).toEqual([{ path: '/at/col', code: 'unrecognized_key', message: 'unknown field' }])
  })

  test('a message over the channel’s bound', async () => {
    const { publisher, toLog, stream, connection } = await setUp()
    const error = await failure(publisher.publish(toLog, { message: 'x'.repeat(70_000) }))
    expect(error.code).toBe(KitErrorCode.MessageTooLarge)
    expect(await countMessages(connection, stream.name)).toBe(0)
  })

  test('one more than may be in flight, and the others are stored', async () => {
    const { publisher, toBot, stream, connection } = await setUp({ maxInFlight: 3 })
    const results = await Promise.allSettled(
      Array.from({ length: 4 }, () => publisher.publish(toBot, { message: 'x' })),
    )
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
    expect((results[3] as PromiseRejectedResult).reason.code).toBe(KitErrorCode.TooManyInFlight)
    await publisher.publish(toBot, { message: 'room again' })
    expect(await countMessages(connection, stream.name)).toBe(4)
  })

  test('a channel of other contracts', async () => {
    const { publisher } = await setUp()
    const error = await failure(publisher.publish(makeContracts().toBot, { message: 'x' }))
    expect(error.message).toContain('to-bot, to-log')
  })

  test('after close', async () => {
    const { publisher, toBot } = await setUp()
    await publisher.close()
    expect((await failure(publisher.publish(toBot, { message: 'x' }))).code).toBe(KitErrorCode.Closed)
  })

  test('a retry budget that does not fit the duplicate window', async () => {
    const made = makeContracts({ duplicateWindowMs: 10_000 })
    const connection = await open(broker.current)
    expect(() => createJetStreamPublisher(connection, { contracts: made.contracts })).toThrow(/duplicate window/)
  })
})

describe('core NATS and the router', () => {
  test('a core message reaches who listens and is not stored', async () => {
    const { toBot, stream, connection, contracts, publisher } = await setUp()
    const received: unknown[] = []
    connection.client.subscribe(`core.${toBot.subject}`, {
      callback: (_, message) => void received.push(message.json()),
    })
    const router = createMessageRouter({ jetstream: publisher, core: createCorePublisher(connection, { contracts }) })
    const receipt = await router.send(toBot, 'core', { message: 'now' })
    expect(Object.keys(receipt)).toEqual(['id'])
    await waitFor(() => received.length === 1)
    expect(received).toEqual([{ message: 'now' }])
    expect(await countMessages(connection, stream.name)).toBe(0)
    const stored = await router.send(toBot, 'jetstream', { message: 'kept' })
    expect(stored.seq).toBe(1)
  })

  test('an unknown broker type is a typed error that names the known ones', async () => {
    const { toBot, publisher } = await setUp()
    const router = createMessageRouter({ jetstream: publisher })
    const error = await failure(router.send(toBot, 'kafka' as 'jetstream', { message: 'x' }))
    expect(error.code).toBe(KitErrorCode.UnknownBrokerType)
    expect(error.message).toContain('jetstream')
  })

  test('core refuses a time to live, and unknown fields', async () => {
    const { toBot, contracts, connection } = await setUp()
    const core = createCorePublisher(connection, { contracts })
    expect((await failure(core.publish(toBot, { message: 'x' }, { ttlSeconds: 5 }))).code).toBe(KitErrorCode.InvalidTtl)
    expect((await failure(core.publish(toBot, { message: 'x', y: 1 } as never))).code).toBe(KitErrorCode.InvalidMessage)
  })
})

test('what JSON cannot carry is refused with its path, and nothing is sent', async () => {
  const loose = defineChannel({
    name: 'loose',
    subject: `${nuid.next()}.loose`,
    description: 'x',
    schema: z.object({ extra: z.any() }),
  })
  const stream = defineStream({ ...STREAM_LIMITS, name: `L_${nuid.next()}`, description: 'x', channels: [loose] })
  const connection = await open(broker.current)
  await ensureStreams(connection, [stream], { mode: 'apply' })
  const contracts = defineContracts({ channels: [loose], streams: [stream] })
  const publisher = createJetStreamPublisher(connection, { contracts })
  onEnd(() => publisher.close())
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic
  const values = [new Map(), Number.NaN, () => 1, 1n, [undefined], cyclic, new Date()]
  for (const value of values) {
    await expect(publisher.publish(loose, { extra: { value } })).rejects.toMatchObject({
      code: KitErrorCode.InvalidMessage,
      issues: [{ path: expect.stringMatching(/^\/extra\/value/), code: 'not_json' }],
    })
  }
  await expect(publisher.publishMany(loose, [{ extra: 1 }, { extra: new Set() }])).rejects.toMatchObject({
    code: KitErrorCode.InvalidMessage,
    issues: [{ path: '/1/extra' }],
  })
  expect(await publisher.publish(loose, { extra: { any: ['plain', { data: null }] } })).toMatchObject({ seq: 1 })
})

test.each([Number.NaN, Infinity, -1, 0, 2 ** 31, '5' as unknown as number])(
  'timeoutMs %s is refused, and nothing is sent',
  async (timeoutMs) => {
    const { contracts, connection, toBot, stream } = await openWithStreams(broker.current)
    const options = { code: KitErrorCode.InvalidOptions, message: expect.stringContaining('timeoutMs') }
    for (const idempotency of [false, true]) {
      const publisher = createJetStreamPublisher(connection, { contracts, idempotency })
      onEnd(() => publisher.close())
      await expect(publisher.publish(toBot, { message: 'x' }, { timeoutMs })).rejects.toMatchObject(options)
      await expect(publisher.publish(toBot, { message: 'x' }, { timeoutMs, id: 'k' })).rejects.toMatchObject(options)
      await expect(publisher.publishMany(toBot, [{ message: 'x' }], { timeoutMs })).rejects.toMatchObject(options)
    }
    expect(await countMessages(connection, stream.name)).toBe(0)
    // Fractions are what is left of a deadline.
    const publisher = createJetStreamPublisher(connection, { contracts })
    onEnd(() => publisher.close())
    expect(await publisher.publish(toBot, { message: 'x' }, { timeoutMs: 2_000.5 })).toMatchObject({ seq: 1 })
  },
)
