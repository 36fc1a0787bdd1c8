import { defineChannel, defineContracts, defineStream } from '@alarm-bus/contracts'
import { nuid } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { z } from 'zod'
import {
  type ChannelReading,
  createJetStreamPublisher,
  ensureStreams,
  KitErrorCode,
  type ReadItem,
  readChannel,
} from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { manager, open, openWithStreams, useBroker } from '../harness.ts'

const broker = useBroker()

/** `seq:message`, `seq!issue` or `from-to gap`. */
function short(item: ReadItem): string {
  if (item.kind === 'gap') return `${item.from}-${item.to} gap`
  if (item.kind === 'invalid') return `${item.seq}!${item.issues[0]?.code}`
  return `${item.seq}:${(item.message as { readonly message: string }).message}`
}

async function all(reading: ChannelReading): Promise<readonly string[]> {
  const items: string[] = []
  for await (const item of reading) items.push(short(item))
  return items
}

/** A time between two messages, whole milliseconds as it is. */
async function nextMs(): Promise<void> {
  const now = Date.now()
  await waitFor(() => Date.now() > now + 1)
}

async function setUp(options: Parameters<typeof openWithStreams>[1] = {}) {
  const opened = await openWithStreams(broker.current, options)
  const { connection, contracts, toBot, toLog } = opened
  const publisher = createJetStreamPublisher(connection, { contracts })
  const publish = (message: string) => publisher.publish(toBot, { message })
  const read = (given: Partial<Parameters<typeof readChannel>[2]> = {}) =>
    readChannel(connection, toBot, { contracts, from: 'start', ...given })
  return { ...opened, publisher, publish, other: () => publisher.publish(toLog, { message: 'other' }), read }
}

test('what is stored on the channel is given in order, each once, and then it ends', async () => {
  const { publish, other, read } = await setUp()
  for (let i = 0; i < 5; i++) {
    await publish(`m${i}`)
    await other()
  }
  expect(await all(read())).toEqual(['1:m0', '3:m1', '5:m2', '7:m3', '9:m4'])
  expect(await all(read({ maxMessages: 2 }))).toEqual(['1:m0', '3:m1', '5:m2', '7:m3', '9:m4'])
  expect(await all(read({ maxBytes: 1 }))).toEqual(['1:m0', '3:m1', '5:m2', '7:m3', '9:m4'])
})

test('an empty stream, and a channel on which nothing is stored, end at once', async () => {
  const { other, read } = await setUp()
  expect(await all(read())).toEqual([])
  await other()
  expect(await all(read())).toEqual([])
  expect(await all(read({ from: { time: new Date(0) } }))).toEqual([])
})

test('it begins at a sequence or a time, and ends at one, included', async () => {
  const { publish, read } = await setUp()
  const times: Date[] = []
  for (let i = 1; i <= 4; i++) {
    await publish(`m${i}`)
    await nextMs()
    times.push(new Date())
    await nextMs()
  }
  const [first, second, third] = times as [Date, Date, Date]
  expect(await all(read({ from: { sequence: 3 } }))).toEqual(['3:m3', '4:m4'])
  expect(await all(read({ to: { sequence: 2 } }))).toEqual(['1:m1', '2:m2'])
  expect(await all(read({ to: { sequence: 99 } }))).toHaveLength(4)
  expect(await all(read({ from: { time: first }, to: { time: third } }))).toEqual(['2:m2', '3:m3'])
  expect(await all(read({ from: { time: second }, to: { sequence: 3 } }))).toEqual(['3:m3'])
  expect(await all(read({ from: { time: new Date(Date.now() + 3_600_000) } }))).toEqual([])
  expect(await all(read({ from: { sequence: 99 } }))).toEqual([])
  expect(await all(read({ live: true, to: { sequence: 2 } }))).toEqual(['1:m1', '2:m2'])
  expect(await all(read({ live: true, to: { time: third }, pollMs: 10 }))).toEqual(['1:m1', '2:m2', '3:m3'])
  expect(await all(read({ live: true, to: { time: new Date(Date.now() + 300) }, pollMs: 10 }))).toHaveLength(4)
})

test('with live it goes on with what is stored later', async () => {
  const { publish, read } = await setUp()
  await publish('before')
  const seen: string[] = []
  const reading = read({ live: true, pollMs: 10 })
  const done = (async () => {
    for await (const item of reading) {
      seen.push(short(item))
      if (seen.length === 4) break
    }
  })()
  await waitFor(() => seen.length === 1)
  for (const message of ['a', 'b', 'c']) await publish(message)
  await done
  expect(seen).toEqual(['1:before', '2:a', '3:b', '4:c'])
})

test('live from a time waits for the first message, and from a sequence that is not stored yet too', async () => {
  const { publish, other, read } = await setUp()
  await other()
  const byTime = read({ from: { time: new Date(Date.now() - 60_000) }, live: true, pollMs: 10 }).next()
  const bySeq = read({ from: { sequence: 3 }, live: true, pollMs: 10 }).next()
  await publish('first')
  await publish('second')
  expect(short((await byTime).value as ReadItem)).toBe('2:first')
  expect(short((await bySeq).value as ReadItem)).toBe('3:second')
})

test('what is known of a message is what a handler would be told', async () => {
  const { connection, contracts, publisher, toBot, stream } = await setUp()
  await publisher.publish(toBot, { message: 'x' }, { id: 'id-1', headers: { 'Request-Id': 'r-1' } })
  const { value } = await readChannel(connection, toBot, { contracts, from: 'start' }).next()
  expect(value).toMatchObject({
    kind: 'message',
    channel: 'to-bot',
    subject: toBot.subject,
    stream: stream.name,
    seq: 1,
  })
  if (value?.kind !== 'message') throw new Error('no message')
  expect(value.id).toBe('id-1')
  expect(value.header('Request-Id')).toBe('r-1')
  expect(value.header('Nats-Sequence')).toBeUndefined()
  expect(Math.abs(value.storedAt.getTime() - Date.now())).toBeLessThan(60_000)
})

test('what is no message of the channel is given as such: no JSON, another shape, hostile headers', async () => {
  const { connection, toBot, publish, read } = await setUp()
  const write = (body: string, block?: string) =>
    connection.client.publish(toBot.subject, body, {
      ...(block !== undefined && { headers: { encode: () => Buffer.from(block, 'latin1') } as never }),
    })
  await publish('good')
  write('{broken')
  write(JSON.stringify({ message: 7 }))
  write('')
  write('{"message":"a"}', 'NATS/1.0 404 Message Not Found\r\nNats-Sequence: 1\r\nNats-Last-Sequence: 9\r\n\r\n')
  write('{"message":"b"}', 'NATS/1.0\r\nno colon')
  write('{"message":"c"}', 'N')
  write('{"message":"d"}', 'NATS/1.0 204 EOB\r\nNats-Num-Pending: 0\r\nNats-Last-Sequence: 0\r\n\r\n')
  write('{"message":"e"}', 'NATS/1.0\r\nX: \u00ff\u0000\r\n\r\n')
  await connection.client.flush()
  await publish('after')
  const items: ReadItem[] = []
  for await (const item of read()) items.push(item)
  expect(items.map(short)).toEqual([
    '1:good',
    '2!not_json',
    '3!invalid_type',
    '4!not_json',
    '5:a',
    '6:b',
    '7:c',
    '8:d',
    '9:e',
    '10:after',
  ])
  const [, broken, , , forged] = items
  if (broken?.kind !== 'invalid' || forged?.kind !== 'message') throw new Error('another kind')
  expect(Buffer.from(broken.data).toString()).toBe('{broken')
  expect(forged.header('Nats-Sequence')).toBe('1')
})

test('a schema whose own function throws makes an invalid message, and ends nothing', async () => {
  const key = nuid.next()
  const picky = defineChannel({
    name: 'picky',
    subject: `${key}.picky`,
    description: 'throws',
    compatibility: 'none',
    schema: z.object({
      message: z.string().refine((text) => {
        if (text === 'bad') throw new Error('no')
        return true
      }),
    }),
  })
  const limits = { maxAgeMs: 3_600_000, maxMessages: 1_000, maxBytes: 16 * 1024 * 1024 }
  const stream = defineStream({ name: `S_${key}`, description: 'x', channels: [picky], ...limits })
  const contracts = defineContracts({ channels: [picky], streams: [stream] })
  const connection = await open(broker.current)
  await ensureStreams(connection, [stream], { mode: 'apply' })
  for (const message of ['bad', 'fine']) await connection.client.request(picky.subject, JSON.stringify({ message }))
  expect(await all(readChannel(connection, picky, { contracts, from: 'start' }))).toEqual(['1!check_failed', '2:fine'])
})

test('messages that left the stream before they were read are told as a gap', async () => {
  const { connection, publish, other, read, stream } = await setUp()
  for (let i = 1; i <= 3; i++) {
    await publish(`m${i}`)
    await other()
  }
  const reading = read({ maxMessages: 1 })
  expect(short((await reading.next()).value as ReadItem)).toBe('1:m1')
  await (await manager(connection)).streams.purge(stream.name, { seq: 5 })
  expect(await all(reading)).toEqual(['2-4 gap', '5:m3'])
  // Asked for by its sequence it is told, the oldest that there is begins where it is.
  expect(await all(read({ from: { sequence: 2 } }))).toEqual(['2-4 gap', '5:m3'])
  expect(await all(read())).toEqual(['5:m3'])
})

test('a gap up to the end is told, live or not, and reading goes on behind it', async () => {
  const { connection, publish, read, stream } = await setUp()
  for (let i = 1; i <= 3; i++) await publish(`m${i}`)
  const bounded = read({ maxMessages: 1 })
  const live = read({ maxMessages: 1, live: true, pollMs: 10 })
  for (const reading of [bounded, live]) expect(short((await reading.next()).value as ReadItem)).toBe('1:m1')
  await (await manager(connection)).streams.purge(stream.name)
  expect(await all(bounded)).toEqual(['2-3 gap'])
  await publish('m4')
  expect(short((await live.next()).value as ReadItem)).toBe('2-3 gap')
  expect(short((await live.next()).value as ReadItem)).toBe('4:m4')
})

test('a message that was deleted on its own is passed over', async () => {
  const { connection, publish, read, stream } = await setUp()
  for (let i = 1; i <= 3; i++) await publish(`m${i}`)
  await (await manager(connection)).streams.deleteMessage(stream.name, 2)
  expect(await all(read())).toEqual(['1:m1', '3:m3'])
})

test('nothing of a reading is on the broker: no consumer while it runs, no subscription after it is left', async () => {
  const { connection, publish, read, stream } = await setUp()
  for (let i = 1; i <= 5; i++) await publish(`m${i}`)
  const subscriptions = async () => {
    await connection.client.flush()
    const answer = await fetch(`${broker.current.monitorUrl}/connz?subs=1&limit=1000`)
    const { connections } = (await answer.json()) as {
      readonly connections: readonly { readonly subscriptions_list?: readonly string[] }[]
    }
    const all = connections.flatMap((one) => one.subscriptions_list ?? [])
    return all.filter((subject) => subject.startsWith(`${connection.inboxPrefix}.read.`)).length
  }
  const consumers = async () => (await (await manager(connection)).streams.info(stream.name)).state.consumer_count
  for await (const item of read({ live: true, maxMessages: 2 })) {
    expect(await subscriptions()).toBe(1)
    expect(await consumers()).toBe(0)
    if (short(item) === '3:m3') break
  }
  expect(await subscriptions()).toBe(0)
  await all(read())
  const waiting = read({ from: { sequence: 6 }, live: true })
  const next = waiting.next()
  await waitFor(async () => (await subscriptions()) === 1)
  await waiting.return()
  expect(await next).toEqual({ done: true, value: undefined })
  expect(await subscriptions()).toBe(0)
})

test('its signal ends it with an error, before it began and while it waits', async () => {
  const { read } = await setUp()
  const aborted = { code: KitErrorCode.Aborted }
  await expect(read({ signal: AbortSignal.abort() }).next()).rejects.toMatchObject(aborted)
  const controller = new AbortController()
  const next = read({ live: true, signal: controller.signal }).next()
  controller.abort()
  await expect(next).rejects.toMatchObject(aborted)
})

test('a reader that is slow has no more than one batch before it', async () => {
  const { connection, publisher, toBot, read } = await setUp()
  await publisher.publishMany(
    toBot,
    Array.from({ length: 500 }, (_, i) => ({ message: `${i}` })),
  )
  const before = connection.client.stats().inMsgs
  const reading = read({ maxMessages: 20, live: true })
  await reading.next()
  await connection.client.flush()
  // The batch with its end, and the answers to two looks at the stream.
  expect(connection.client.stats().inMsgs - before).toBeLessThanOrEqual(24)
  await reading.return()
})

test('a stream that was made again ends it with an error, and so does one that does not allow it', async () => {
  const { connection, publish, read, stream } = await setUp()
  await publish('a')
  await publish('b')
  const reading = read({ maxMessages: 1, live: true, pollMs: 10 })
  await reading.next()
  const streams = (await manager(connection)).streams
  await streams.delete(stream.name)
  await ensureStreams(connection, [stream], { mode: 'apply' })
  for (const message of ['c', 'd', 'e']) await publish(message)
  await expect(reading.next()).rejects.toMatchObject({ code: KitErrorCode.StreamReplaced })
  await streams.update(stream.name, { allow_direct: false } as never)
  await expect(read().next()).rejects.toMatchObject({
    code: KitErrorCode.StreamDifferent,
    message: expect.stringContaining('ops apply'),
  })
})

test('a closed connection ends it with an error', async () => {
  const { contracts, toBot } = await setUp()
  const connection = await open(broker.current)
  const next = readChannel(connection, toBot, { contracts, from: 'start', live: true }).next()
  await connection.close(1_000)
  await expect(next).rejects.toMatchObject({ code: KitErrorCode.Closed })
})

test.each([
  { from: 'end' },
  { from: { sequence: 0 } },
  { from: { time: new Date(Number.NaN) } },
  { from: { time: new Date(), sequence: 1 } },
  { from: 'start', to: { sequence: 1.5 } },
  { from: 'start', maxMessages: 0 },
  { from: 'start', maxBytes: -1 },
  { from: 'start', pollMs: 0 },
])('options that cannot work are refused at once: %j', async (options) => {
  const { connection, contracts, toBot } = await setUp()
  const start = () => readChannel(connection, toBot, { contracts, ...(options as { readonly from: 'start' }) })
  expect(start).toThrow(expect.objectContaining({ code: KitErrorCode.InvalidOptions }))
})
