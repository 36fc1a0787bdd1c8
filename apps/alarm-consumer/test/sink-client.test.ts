import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { DeadLetter } from '@alarm-bus/nats-kit'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { describe, expect, test } from 'vitest'
import { createSinkClient, MAX_CONNECTIONS, type SinkClientOptions } from '../src/http/sink-client.ts'
import { SinkFailed } from '../src/sinks/sink-failed.ts'
import { type Receiver, startReceiver, startRudeReceiver, status } from './support/receiver.ts'

const SECRET = 'verysecretpath'
const never = new AbortController().signal

/** Posts once to a receiver, and lets go. */
async function post(receiver: Pick<Receiver, 'url'>, options: Partial<SinkClientOptions> = {}, signal = never) {
  const client = createSinkClient({
    sink: 'slack',
    connectTimeoutMs: 2_000,
    totalTimeoutMs: 500,
    mayBePrivate: () => true,
    ...options,
  })
  try {
    return await client.post(new URL(`${receiver.url}/${SECRET}`), {}, '{"text":"알람"}', signal)
  } finally {
    await client.close()
  }
}

/** What it rejects with, which never tells the address. */
async function failureOf(posting: Promise<void>): Promise<SinkFailed | DeadLetter> {
  const error = await posting.then(
    () => new Error('it arrived'),
    (reason: unknown) => reason,
  )
  expect(String(error) + JSON.stringify(error) + (error as Error).stack).not.toContain(SECRET)
  expect((error as Error).cause).toBeUndefined()
  return error as SinkFailed
}

describe('an answer', () => {
  test.each([200, 201, 204])('%i: arrived, with its body and headers', async (code) => {
    await using receiver = await startReceiver(status(code))
    await post(receiver)
    expect(receiver.received).toMatchObject([
      { url: `/${SECRET}`, body: '{"text":"알람"}', headers: { 'content-type': 'application/json' } },
    ])
  })

  test.each([400, 401, 403, 404, 405, 410, 413, 422])('%i: refused for good', async (code) => {
    await using receiver = await startReceiver(status(code, {}, SECRET))
    const error = await failureOf(post(receiver))
    expect(error).toBeInstanceOf(DeadLetter)
    expect(error.message).toContain(`slack refused the alarm: ${code}`)
  })

  test.each([408, 500, 502, 503, 504])('%i: may be retried', async (code) => {
    await using receiver = await startReceiver(status(code, {}, SECRET))
    const error = await failureOf(post(receiver))
    expect(error).toMatchObject({ name: 'SinkFailed', rateLimited: false, retryAfterMs: undefined })
    expect(error.message).toBe(`slack answered ${code}`)
  })

  test.each([301, 302, 303, 307, 308])('%i: a redirect is refused and never followed', async (code) => {
    await using elsewhere = await startReceiver()
    await using receiver = await startReceiver(status(code, { location: `${elsewhere.url}/${SECRET}` }))
    expect(await failureOf(post(receiver))).toBeInstanceOf(DeadLetter)
    expect(elsewhere.received).toEqual([])
  })

  test('a wait is read from the header in seconds or as a date, and from the body; 429 is a limit without one too', async () => {
    await using seconds = await startReceiver(status(429, { 'retry-after': '7' }))
    expect(await failureOf(post(seconds))).toMatchObject({ retryAfterMs: 7_000, rateLimited: true })
    const date = new Date(1_700_000_000_000).toUTCString()
    const later = new Date(1_700_000_009_000).toUTCString()
    await using dated = await startReceiver(status(503, { date, 'retry-after': later }))
    expect(await failureOf(post(dated))).toMatchObject({ retryAfterMs: 9_000, rateLimited: false })
    await using inBody = await startReceiver(status(429, { 'retry-after': '3' }, '{"retry_after":11.5}'))
    expect(await failureOf(post(inBody))).toMatchObject({ retryAfterMs: 11_500, rateLimited: true })
    await using silent = await startReceiver(status(429))
    expect(await failureOf(post(silent))).toMatchObject({ retryAfterMs: undefined, rateLimited: true })
  })

  test('what a person should do is found in the body of a 400 where the sink knows it', async () => {
    await using receiver = await startReceiver(status(400, {}, 'moved'))
    const hintOf = (body: string): string | undefined => (body === 'moved' ? '; it has moved' : undefined)
    expect((await failureOf(post(receiver, { hintOf }))).message).toBe('slack refused the alarm: 400; it has moved')
  })
})

describe('a rude receiver', () => {
  test('never answers: given up after the total time', async () => {
    await using receiver = await startRudeReceiver(() => undefined)
    expect((await failureOf(post(receiver))).message).toBe('slack: no answer within 500 ms')
    await waitFor(() => receiver.open === 0, { what: 'the connection is let go' })
  })

  test('answers drop by drop: given up after the total time', async () => {
    const drops: NodeJS.Timeout[] = []
    await using receiver = await startRudeReceiver((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      drops.push(setInterval(() => socket.write('x: y\r\n'), 20))
    })
    expect((await failureOf(post(receiver))).message).toBe('slack: no answer within 500 ms')
    drops.forEach(clearInterval)
  })

  test.each([
    ['garbage', 'verysecretpath\u0000\u0001\r\n\r\n'],
    ['another protocol', '220 smtp.example.com ESMTP\r\n'],
    ['headers without end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`],
  ])('answers with %s', async (_, text) => {
    await using receiver = await startRudeReceiver((socket) => socket.write(text))
    expect((await failureOf(post(receiver))).message).toMatch(/^slack: no answer/)
  })

  test('resets the connection, or closes its half without an answer', async () => {
    await using resets = await startRudeReceiver((socket) => socket.resetAndDestroy())
    expect((await failureOf(post(resets))).message).toMatch(/^slack: no answer \(\w+\)$/)
    await using halves = await startRudeReceiver((socket) => socket.end())
    expect((await failureOf(post(halves))).message).toMatch(/^slack: no answer \(\w+\)$/)
    await waitFor(() => halves.open === 0, { what: 'its other half is closed too' })
  })

  test('has taken the alarm, and then sends without end, breaks off or says nothing more: arrived', async () => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n'
    const endless: NodeJS.Timeout[] = []
    for (const goOn of [
      (socket: Socket) => {
        endless.push(setInterval(() => socket.write(Buffer.alloc(65_536)), 1))
        socket.on('close', () => endless.forEach(clearInterval))
      },
      (socket: Socket) => socket.resetAndDestroy(),
      () => undefined,
    ]) {
      await using receiver = await startRudeReceiver((socket) => {
        socket.write(head)
        goOn(socket)
      })
      await post(receiver)
      await waitFor(() => receiver.open === 0, { what: 'the connection is let go' })
    }
  })

  test('answers a 429 with a body without end: read to the bound', async () => {
    await using receiver = await startRudeReceiver((socket) => {
      socket.write('HTTP/1.1 429 Too Many\r\ntransfer-encoding: chunked\r\n\r\n')
      const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
      const writing = setInterval(() => socket.write(chunk), 1)
      socket.on('close', () => clearInterval(writing))
    })
    expect((await failureOf(post(receiver))).message).toBe('slack answered 429')
    await waitFor(() => receiver.open === 0, { what: 'the connection is let go' })
  })

  test('answers a 429 with a body that comes drop by drop: read for the total time', async () => {
    await using receiver = await startRudeReceiver((socket) => {
      socket.write('HTTP/1.1 429 Too Many\r\ncontent-length: 10000\r\n\r\n{"retry_after":7}')
      const writing = setInterval(() => socket.write(' '), 20)
      socket.on('close', () => clearInterval(writing))
    })
    expect(await failureOf(post(receiver))).toMatchObject({ retryAfterMs: 7_000, rateLimited: true })
  })

  test('no server listens', async () => {
    const receiver = await startReceiver()
    await receiver[Symbol.asyncDispose]()
    expect((await failureOf(post(receiver))).message).toBe('slack: no answer (ECONNREFUSED)')
  })
})

describe('an address that is not allowed', () => {
  test.each(['localhost', '127.0.0.1'])('%s is not connected to', async (host) => {
    await using receiver = await startReceiver()
    const url = `http://${host}:${receiver.port}`
    const error = await failureOf(post({ url }, { mayBePrivate: () => false }))
    expect(error.message).toBe('slack: its host has no public address; ALARM_PRIVATE_HOSTS allows others')
    expect(receiver.mostOpen).toBe(0)
    await post({ url }, { mayBePrivate: (name) => name === host })
    expect(receiver.received).toHaveLength(1)
  })

  test.each(['[::ffff:127.0.0.1]', '0.0.0.0', '[::]'])('%s never is', async (host) => {
    await using receiver = await startReceiver()
    await failureOf(post({ url: `http://${host}:${receiver.port}` }))
    expect(receiver.mostOpen).toBe(0)
  })
})

test('connections are bounded, and all requests are served', async () => {
  await using receiver = await startReceiver((response) => void sleep(30).then(() => response.end()))
  const client = createSinkClient({
    sink: 'slack',
    connectTimeoutMs: 2_000,
    totalTimeoutMs: 10_000,
    mayBePrivate: () => true,
  })
  await Promise.all(Array.from({ length: 60 }, () => client.post(new URL(receiver.url), {}, '{}', never)))
  expect(receiver.received).toHaveLength(60)
  expect(receiver.mostOpen).toBeLessThanOrEqual(MAX_CONNECTIONS)
  await client.close()
  await waitFor(() => receiver.open === 0)
})

test('the handler’s signal calls a request off, and closing the client ends what is under way', async () => {
  await using receiver = await startRudeReceiver(() => undefined)
  const abort = new AbortController()
  const posting = failureOf(post(receiver, { totalTimeoutMs: 60_000 }, abort.signal))
  await waitFor(() => receiver.received.length === 1)
  abort.abort()
  expect((await posting).message).toBe('slack: the attempt was called off')
  const client = createSinkClient({
    sink: 'slack',
    connectTimeoutMs: 2_000,
    totalTimeoutMs: 60_000,
    mayBePrivate: () => true,
  })
  const open = failureOf(client.post(new URL(receiver.url), {}, '{}', never))
  await waitFor(() => receiver.received.length === 2)
  await client.close()
  expect(await open).toBeInstanceOf(SinkFailed)
  await waitFor(() => receiver.open === 0)
})
