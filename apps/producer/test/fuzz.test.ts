import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { type GeneratedRequest, generateRequest, seededRandom } from './generate-request.ts'
import { get, post, rssBytesOf, SMALL_HEAP, startStack } from './stack.ts'

const REQUESTS = 10_000
const SOCKETS = 48
/** What a process under such load needs at all, it has after these. */
const WARM_UP = 2_500
/** A leak of 4 KiB a request would be about as much. */
const MOST_GROWTH_BYTES = 32 * 1_024 * 1_024
/** This side ends when nothing has come for so long; of what was cut off, nothing will. */
const QUIET_MS = 250
const CUT_OFF_QUIET_MS = 10
/** Only bounds a connection that would hang. */
const END_DEADLINE_MS = 10_000

const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/**
 * Sends bytes on a connection of their own; the statuses of all that came back. This side ends once nothing comes any
 * more: the server takes a closed side for a caller who has gone.
 */
function send(url: URL, { bytes, isCutOff }: GeneratedRequest): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port) })
    let answer = ''
    let ended = false
    socket.setTimeout(isCutOff ? CUT_OFF_QUIET_MS : QUIET_MS)
    socket.on('timeout', () => {
      if (ended) {
        reject(new Error(`no end of ${JSON.stringify(bytes.toString('latin1').slice(0, 2_000))}\nanswered: ${answer}`))
        return socket.destroy()
      }
      ended = true
      socket.end()
      return socket.setTimeout(END_DEADLINE_MS)
    })
    socket.on('data', (part) => (answer += part.toString('latin1')))
    // A connection that is reset has its answer all the same, or none.
    socket.on('error', () => undefined)
    socket.on('close', () => resolve([...answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map((found) => Number(found[1]))))
    socket.write(bytes)
  })
}

test(
  `${REQUESTS} generated requests from seed ${seed}: no 5xx but 503, no crash, and memory stays flat`,
  { timeout: 180_000 },
  async () => {
    console.info(`FUZZ_SEED=${seed}`)
    await using stack = await startStack({ ...SMALL_HEAP, PRODUCER_MAX_IN_FLIGHT: '32' })
    const url = new URL(stack.url)
    const random = seededRandom(seed)
    const counts = new Map<number, number>()
    const bad: string[] = []
    let next = 0
    let silent = 0
    const caller = async (upTo: number): Promise<void> => {
      while (next < upTo) {
        next++
        const generated = generateRequest(random)
        const { bytes } = generated
        const statuses = await send(url, generated)
        if (statuses.length === 0) silent++
        for (const status of statuses) {
          counts.set(status, (counts.get(status) ?? 0) + 1)
          if (status >= 500 && status !== 503)
            bad.push(`${status}: ${JSON.stringify(bytes.toString('latin1').slice(0, 1_000))}`)
        }
      }
    }
    const callers = (upTo: number) => Promise.all(Array.from({ length: SOCKETS }, () => caller(upTo)))
    await callers(WARM_UP)
    const before = rssBytesOf(stack.producer.pid)
    await callers(REQUESTS)
    const grown = rssBytesOf(stack.producer.pid) - before

    const found = Object.fromEntries([...counts].toSorted(([a], [b]) => a - b))
    console.info(`${JSON.stringify(found)}, ${silent} without an answer; RSS grown by ${grown} bytes`)
    expect(bad).toEqual([])
    // The generator reaches what it should: messages are stored, and refused in more than one way.
    for (const status of [200, 202, 400, 404, 413, 415]) expect(found).toHaveProperty(String(status))
    expect(stack.producer.errorOutput).toBe('')
    expect(stack.producer.lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([])
    expect((await get(`${stack.url}/readyz`)).status).toBe(200)
    expect((await post(stack.url, { body: { message: 'after' } })).status).toBe(202)
    expect(grown).toBeLessThan(MOST_GROWTH_BYTES)
  },
)
