import { Agent, request } from 'node:http'
import { connect } from '@alarm-bus/nats-kit'
import { collectLogs } from '@alarm-bus/nats-kit/testing'
import { expect, test } from 'vitest'
import { get, rssBytesOf, SMALL_HEAP, startStack, waitFor } from './stack.ts'

const CALLERS = 64
const REQUESTS = 6_000
/** As much text as the channel takes, three bytes a character. */
const EXTRA = '가'.repeat(6_000)
/** A third of what the flood carries: a process that kept what it cannot publish would grow by more. */
const MOST_GROWTH_BYTES = (REQUESTS * Buffer.byteLength(EXTRA)) / 3

interface Answered {
  readonly status: number | undefined
  readonly retryAfter: string | undefined
  readonly body: string
}

/** One request through an agent, as a caller with connections of its own sends it. */
function send(agent: Agent, url: string, message: string): Promise<Answered> {
  const body = JSON.stringify({ message, extra: EXTRA })
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/channels/alarm-to-log/messages`, {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    })
    outgoing.once('error', reject)
    outgoing.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.once('end', () =>
        resolve({ status: response.statusCode, retryAfter: response.headers['retry-after'], body: text }),
      )
    })
    outgoing.end(body)
  })
}

test(
  'a flood: 202 or 503, every 202 is in the stream and nothing else, and memory stays flat',
  { timeout: 120_000 },
  async () => {
    await using stack = await startStack({ ...SMALL_HEAP, PRODUCER_MAX_IN_FLIGHT: '16' })
    const { url, producer, broker } = stack
    const agent = new Agent({ keepAlive: true, maxSockets: CALLERS })
    const answers: Answered[] = []
    const flood = async (upTo: number): Promise<void> => {
      let next = answers.length
      const caller = async (): Promise<void> => {
        while (next < upTo) answers.push(await send(agent, url, `flood ${next++}`))
      }
      await Promise.all(Array.from({ length: CALLERS }, caller))
    }
    // What a process under such load needs at all, it has after this.
    await flood(REQUESTS / 6)
    const before = rssBytesOf(producer.pid)
    await broker.pause()
    const rest = flood(REQUESTS)
    // With the broker still, more than may wait are refused for certain; then it goes on.
    await waitFor(() => answers.filter(({ status }) => status === 503).length > CALLERS, { deadlineMs: 60_000 })
    expect((await get(`${url}/livez`)).status).toBe(200)
    broker.resume()
    await rest
    const grown = rssBytesOf(producer.pid) - before
    agent.destroy()

    expect(answers).toHaveLength(REQUESTS)
    expect([...new Set(answers.map(({ status }) => status))].toSorted()).toEqual([202, 503])
    const refused = answers.filter(({ status }) => status === 503)
    expect(refused.filter(({ retryAfter }) => !(Number(retryAfter) > 0))).toEqual([])
    const acked = answers
      .filter(({ status }) => status === 202)
      .map(({ body }) => JSON.parse(body) as { id: string; seq: number })
    expect(await storedIds(broker.url)).toEqual(new Map(acked.map(({ id, seq }) => [seq, id])))
    console.info(`${acked.length} stored, ${refused.length} refused; RSS grown by ${grown} bytes`)
    expect(grown).toBeLessThan(MOST_GROWTH_BYTES)
  },
)

/** The broker's answer: headers in base64. */
interface Found {
  readonly message: { readonly hdrs: string }
}

/** The ids of the stream's messages by their sequence. */
async function storedIds(server: string): Promise<ReadonlyMap<number, string>> {
  const connection = await connect({ servers: [server], name: 'reader' }, { logger: collectLogs() })
  try {
    const { client } = connection
    const stored = new Map<number, string>()
    const info = (await client.request('$JS.API.STREAM.INFO.BASQUIAT_STREAM')).json<{ state: { last_seq: number } }>()
    for (let seq = 1; seq <= info.state.last_seq; seq++) {
      const found = (await client.request('$JS.API.STREAM.MSG.GET.BASQUIAT_STREAM', `{"seq":${seq}}`)).json<Found>()
      const headers = Buffer.from(found.message.hdrs, 'base64').toString()
      stored.set(seq, /^Nats-Msg-Id: (.*)\r$/m.exec(headers)?.[1] ?? '')
    }
    return stored
  } finally {
    await connection.close(2_000)
  }
}
