import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createLogger, createHttp, createMetrics } from '@alarm-bus/service'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'

const config = { app: 'test', version: '0.0.0' }

let http: FastifyInstance
const taken: IncomingMessage[] = []

beforeAll(async () => {
  http = createHttp({
    config,
    logger: createLogger({ ...config, logLevel: 'fatal' }),
    health: () => ({ ready: true, checks: [] }),
    metrics: createMetrics(config),
  })
  http.removeAllContentTypeParsers()
  // The body stays unread until the test reads it.
  http.addContentTypeParser('*', (_request, body, done) => done(null, body))
  http.post('/', (request) => void taken.push(request.raw))
  await http.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  http.server.closeAllConnections()
  await http.close()
})

/** A request whose body is sent as it is given, and what the server has of it. */
async function open() {
  const socket = connect((http.server.address() as AddressInfo).port)
  socket.setNoDelay(true).on('error', () => undefined)
  await once(socket, 'connect')
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n')
  const request = await waitFor(() => taken.pop(), { what: 'the request' })
  return { socket, request }
}

async function piecesOf(request: IncomingMessage): Promise<Buffer[]> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return pieces
}

test('a body of one-byte chunks that is not read is held in a handful of pieces', async () => {
  const { socket, request } = await open()
  const bytes = Buffer.from(Array.from({ length: 60_000 }, (_, index) => index % 251))
  const chunks = [...bytes].map((byte) => Buffer.from([0x31, 0x0d, 0x0a, byte, 0x0d, 0x0a]))
  socket.write(Buffer.concat(chunks))
  await waitFor(() => request.readableLength > 0, { what: 'some of it' })
  socket.write('0\r\n\r\n')
  const pieces = await piecesOf(request)
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
  expect(pieces.length).toBeLessThan(60)
  socket.destroy()
})

test('a packet a byte is no other', async () => {
  const { socket, request } = await open()
  for (let sent = 0; sent < 500; sent++) {
    socket.write('1\r\na\r\n')
    // A turn for the other side, so that it gets this on its own.
    await nextTurn()
  }
  socket.write('0\r\n\r\n')
  await waitFor(() => request.complete, { what: 'all has arrived' })
  const pieces = await piecesOf(request)
  expect(Buffer.concat(pieces).toString()).toBe('a'.repeat(500))
  expect(pieces.length).toBeLessThan(5)
  socket.destroy()
})

test.each([1, 3, 1_000, 16_384, 100_000])(
  'chunks of %d bytes arrive whole and in order, read as they come',
  async (size) => {
    const { socket, request } = await open()
    const reading = piecesOf(request)
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 253))
    for (let start = 0; start < bytes.length; start += size) {
      const chunk = bytes.subarray(start, start + size)
      const framed = Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')])
      if (!socket.write(framed)) await once(socket, 'drain')
    }
    socket.write('0\r\n\r\n')
    expect(Buffer.concat(await reading).equals(bytes)).toBe(true)
    socket.destroy()
  },
)

test('a body that stands still and goes on is read on', async () => {
  const { socket, request } = await open()
  const big = Buffer.alloc(400_000, 'b')
  socket.write(`${big.length.toString(16)}\r\n`)
  socket.write(big)
  await waitFor(() => request.readableLength > 50_000, { what: 'as much as it takes unread' })
  const reading = piecesOf(request)
  socket.write('\r\n0\r\n\r\n')
  expect(Buffer.concat(await reading).equals(big)).toBe(true)
  socket.destroy()
})
