import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect as connectSocket } from 'node:net'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { post, rssBytesOf, SMALL_HEAP, type Stack, startStack, waitFor } from './stack.ts'

interface Line {
  readonly index: number
  readonly id?: string
  readonly seq?: number
  readonly duplicate?: boolean
  readonly error?: { readonly status: number; readonly type: string; readonly errors?: readonly { path: string }[] }
}

const NDJSON = 'application/x-ndjson'
const PATH = '/channels/alarm-to-log/messages:batch'

let stack: Stack
let url: string

beforeAll(async () => {
  stack = await startStack({ ...SMALL_HEAP, PRODUCER_MAX_BATCHES: '1', PRODUCER_MAX_BATCH_MESSAGES: '1000000' })
  url = stack.url
})
afterAll(async () => stack[Symbol.asyncDispose]())

/** Once the batch before has left its place. */
async function batch(body: string | Buffer, type = NDJSON, headers: Readonly<Record<string, string>> = {}) {
  const response = await waitFor(
    async () => {
      const answer = await fetch(`${url}${PATH}`, {
        method: 'POST',
        headers: { 'content-type': type, ...headers },
        body: body as string,
      })
      return answer.status === 503 ? undefined : answer
    },
    { what: 'a place for the batch' },
  )
  const text = await response.text()
  const lines = text.split('\n').filter(Boolean)
  return { status: response.status, headers: response.headers, lines: lines.map((line) => JSON.parse(line) as Line) }
}

const statuses = (lines: readonly Line[]) => lines.map(({ index, error }) => [index, error?.status ?? 202])

describe('NDJSON', () => {
  test('each message is answered on a line of its own, in order, and stored', async () => {
    const { status, headers, lines } = await batch('{"message":"1"}\n\n{"message":"2"}\r\n  \n{"message":"3"}')
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe(NDJSON)
    expect(statuses(lines)).toEqual([
      [0, 202],
      [1, 202],
      [2, 202],
    ])
    const [first] = lines
    expect(lines.map(({ seq }) => seq)).toEqual([0, 1, 2].map((more) => Number(first?.seq) + more))
    expect(first).toEqual({ index: 0, id: expect.any(String), seq: expect.any(Number), duplicate: false })
  })

  test('a broken line is answered and the others are stored', async () => {
    const lines = [
      '{"message":"good"}',
      '{"message":',
      Buffer.from('{"message":"\xff"}', 'latin1'),
      `{"message":"${'x'.repeat(70_000)}"}`,
      '{"message":"a","other":1}',
      'null',
      '{"message":"good too"}',
    ]
    const body = Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')]))
    const answer = await batch(body)
    expect(statuses(answer.lines).map(([, status]) => status)).toEqual([202, 400, 400, 413, 400, 400, 202])
    expect(answer.lines[4]?.error).toMatchObject({ type: 'urn:alarm-bus:problem:invalid-request' })
    expect(answer.lines[4]?.error?.errors?.map(({ path }) => path)).toEqual(['/other'])
  })

  test('an idempotency key makes the whole batch repeatable', async () => {
    const body = '{"message":"1"}\n{"message":"2"}\n'
    const first = await batch(body, NDJSON, { 'idempotency-key': 'nightly' })
    const again = await batch(body, NDJSON, { 'idempotency-key': 'nightly' })
    expect(first.lines.map(({ id, duplicate }) => [id, duplicate])).toEqual([
      ['nightly·0', false],
      ['nightly·1', false],
    ])
    expect(again.lines.map(({ seq, duplicate }) => [seq, duplicate])).toEqual(first.lines.map(({ seq }) => [seq, true]))
    const other = await batch('{"message":"1"}\n{"message":"two"}\n', NDJSON, { 'idempotency-key': 'nightly' })
    expect(statuses(other.lines).map(([, status]) => status)).toEqual([202, 422])
  })
})

describe('a JSON array', () => {
  test('each element is answered; what the contract does not know is refused', async () => {
    const body = ' [ {"message":"1"}, {"message":"2","__proto__":{"a":1}}, 3, [], {"message":"4, \\"[{"} ] '
    const { lines } = await batch(body, 'application/json')
    expect(statuses(lines).map(([, status]) => status)).toEqual([202, 400, 400, 400, 202])
    expect(lines[1]?.error?.errors?.map(({ path }) => path)).toEqual(['/__proto__'])
  })

  test.each([
    ['a fault in an element', '[{"message":"1"},{"message":"2",},{"message":"3"}]', [202, 400]],
    ['no end', '[{"message":"1"}', [202, 400]],
    ['nothing', '', [400]],
    ['an object', '{"message":"1"}', [400]],
    ['a text', '"message"', [400]],
    ['an element without end', `[{"message":"${'x'.repeat(300_000)}`, [413]],
    ['more behind the end', '[{"message":"1"}] {"message":"2"}', [202, 400]],
  ])('%s ends it, and what came before is stored', async (_what, body, expected) => {
    const { status, lines } = await batch(body, 'application/json')
    expect(status).toBe(200)
    expect(statuses(lines).map(([, lineStatus]) => lineStatus)).toEqual(expected)
  })

  test('an empty one has no answers', async () => {
    expect((await batch('[]', 'application/json')).lines).toEqual([])
  })
})

test('what is wrong with the request itself is a problem, and nothing is read', async () => {
  expect((await batch('{"message":"1"}\n', 'text/plain')).status).toBe(415)
  expect((await batch('', NDJSON, { 'idempotency-key': 'k'.repeat(121) })).status).toBe(400)
  const query = await post(url, { query: ':batch?ttlSeconds=0', headers: { 'content-type': NDJSON }, body: '{}' })
  expect(query.status).toBe(400)
  const unknown = await post(url, { channel: 'nope', query: ':batch', body: '{}' })
  expect(unknown.body).toMatchObject({ type: 'urn:alarm-bus:problem:unknown-channel', status: 404 })
})

/** A batch that is written and read piece by piece. */
function openBatch(): { readonly sending: ClientRequest; readonly response: Promise<IncomingMessage> } {
  const sending = request(`${url}${PATH}`, { method: 'POST', headers: { 'content-type': NDJSON } })
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    sending.once('response', resolve)
    sending.once('error', reject)
  })
  return { sending, response }
}

test('answers come while the batch is still under way; another one meanwhile is 503 with Retry-After', async () => {
  const { sending, response } = openBatch()
  sending.write('{"message":"first"}\n{"mess')
  const lines: Line[] = []
  createInterface({ input: await response }).on('line', (line) => lines.push(JSON.parse(line) as Line))
  await waitFor(() => lines.length === 1, { what: 'the first answer' })
  const refused = await post(url, {
    channel: 'alarm-to-log',
    query: ':batch',
    headers: { 'content-type': NDJSON },
    body: '{}',
  })
  expect(refused.body).toMatchObject({ type: 'urn:alarm-bus:problem:too-many-batches', status: 503 })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  sending.end('age":"second"}\n')
  await waitFor(() => lines.length === 2, { what: 'the second answer' })
  expect(statuses(lines).map(([, status]) => status)).toEqual([202, 202])
})

test('a caller that does not read is not read from; then all is answered, and memory stays flat', async () => {
  // Answers in brief, and yet more than the system buffers for a connection.
  const count = 100_000
  const line = Buffer.from(`"${'x'.repeat(596)}"\n`)
  const total = count * line.length
  // What a process under such load needs at all, it has after this.
  const warm = count / 2
  expect((await batch(Buffer.concat(Array.from({ length: warm }, () => line)))).lines).toHaveLength(warm)
  const before = rssBytesOf(stack.producer.pid)
  const { hostname, port } = new URL(url)
  const socket = connectSocket({ host: hostname, port: Number(port) })
  let trouble: Error | undefined
  socket.on('error', (error) => (trouble = error))
  const head = ['Host: test', 'Connection: close', `Content-Type: ${NDJSON}`, `Content-Length: ${total}`]
  socket.write(`POST ${PATH} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`)
  let sent = 0
  const feed = (): void => {
    while (sent < count && socket.writableLength < 1_048_576) {
      socket.write(line)
      sent++
    }
  }
  socket.on('drain', feed)
  feed()
  try {
    // It takes no more once its answers fill the buffers between here and there.
    let seen = -1
    const standsStill = () => {
      const now = socket.bytesWritten - socket.writableLength
      const still = now === seen
      seen = now
      return still
    }
    await waitFor(standsStill, { what: 'the producer to stop reading', everyMs: 500, deadlineMs: 20_000 })
    expect(seen).toBeLessThan(total)
    const grown = rssBytesOf(stack.producer.pid) - before
    console.info(`${seen} of ${total} bytes were taken; RSS grown by ${grown} bytes`)
    expect(grown).toBeLessThan(total / 4)
    let answers = 0
    createInterface({ input: socket }).on('line', (text) => (answers += text.startsWith('{"index"') ? 1 : 0))
    await waitFor(() => answers === count, { what: 'every answer', deadlineMs: 60_000 })
    expect(trouble).toBeUndefined()
  } finally {
    socket.destroy()
  }
})

test('a caller that goes away ends its batch: no message is stored behind it, and its place is free', async () => {
  const { sending, response } = openBatch()
  sending.on('error', () => undefined)
  sending.write('{"message":"kept"}\n{"message":"never whole')
  const incoming = await response
  incoming.on('error', () => undefined)
  await new Promise<void>((resolve) => void incoming.once('data', () => resolve()))
  sending.destroy()
  const { lines } = await batch('{"message":"next"}\n{"message":"and next"}\n')
  expect(statuses(lines).map(([, status]) => status)).toEqual([202, 202])
  expect(stack.producer.lines.filter((line) => line['level'] === 'error')).toEqual([])
})

test('more messages than allowed: the last line says where it ended', async () => {
  await using small = await startStack({ PRODUCER_MAX_BATCH_MESSAGES: '2' })
  const response = await fetch(`${small.url}${PATH}`, {
    method: 'POST',
    headers: { 'content-type': NDJSON },
    body: '{"message":"1"}\n{"message":"2"}\n{"message":"3"}\n{"message":"4"}\n',
  })
  const lines = (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  expect(statuses(lines)).toEqual([
    [0, 202],
    [1, 202],
    [2, 413],
  ])
  expect(lines[2]?.error?.type).toBe('urn:alarm-bus:problem:batch-too-large')
})
