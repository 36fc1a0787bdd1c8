import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { get, rssBytesOf, SMALL_HEAP, startStack, waitFor } from './stack.ts'

const REQUESTS = 8
const BYTES = 60_000
/** A few of these are all of the bytes. A Buffer a byte would be half a kilobyte a byte, 240 MB. */
const MOST_GROWTH_BYTES = 32 * 1_024 * 1_024

const head = (path: string, type: string): string =>
  `POST /channels/alarm-to-log/${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`

test.each([
  ['a single body', 'messages', 'application/json', '"'],
  ['a line of a batch', 'messages:batch', 'application/x-ndjson', '"'],
  ['an element of a batch', 'messages:batch', 'application/json', '["'],
])('%s in chunks of one byte takes no more than its bytes', async (_what, path, type, begin) => {
  await using stack = await startStack(SMALL_HEAP)
  const { hostname, port } = new URL(stack.url)
  const before = rssBytesOf(stack.producer.pid)
  const sockets = Array.from({ length: REQUESTS }, (): Socket => {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined)
    socket.write(head(path, type))
    for (const character of begin) socket.write(`1\r\n${character}\r\n`)
    socket.write('1\r\na\r\n'.repeat(BYTES))
    return socket
  })
  try {
    await Promise.all(sockets.map((socket) => socket.writableLength > 0 && once(socket, 'drain')))
    // Whoever is alive answers, and has read what came before.
    for (let asked = 0; asked < 10; asked++) expect((await get(`${stack.url}/livez`)).status).toBe(200)
    const grown = rssBytesOf(stack.producer.pid) - before
    console.info(`RSS grown by ${grown} bytes`)
    expect(grown).toBeLessThan(MOST_GROWTH_BYTES)
    // And they are messages still.
    const [socket] = sockets as [Socket]
    let answer = ''
    socket.on('data', (part) => (answer += part))
    socket.write(`1\r\n"\r\n${begin === '["' ? '1\r\n]\r\n' : ''}0\r\n\r\n`)
    await waitFor(() => answer.includes('invalid-request'), { what: 'the answer to a text that is no message' })
  } finally {
    for (const socket of sockets) socket.destroy()
  }
})
