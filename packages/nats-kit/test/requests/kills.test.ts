import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { createRequester, KitError, KitErrorCode } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { freePort, onEnd, open, startBroker } from '../harness.ts'
import { makeRequest } from './scene.ts'

/** `KILLS=200 pnpm exec vitest run test/requests/kills.test.ts` takes minutes. */
const KILLS = Number(process.env['KILLS'] ?? 8)
/** One kill in so many is the broker's. */
const BROKER_EVERY = 8
const PROCESSES = 3
const IN_FLIGHT = 32
/** Fewer than are asked, so that requests wait for a place, some past their deadline. */
const CONCURRENCY = '4'
const TIMEOUTS_MS = [300, 1_000, 3_000]
/** The clock of a machine that runs much else: what the responder cannot know of is the way to it. */
const MAX_ON_ITS_WAY_MS = 1_000
const PROCESS = new URL('./responder-process.ts', import.meta.url).pathname

/** How a request may end, whoever was killed. */
const ENDS: ReadonlySet<string> = new Set([
  KitErrorCode.NoResponder,
  KitErrorCode.Timeout,
  KitErrorCode.RemoteError,
  KitErrorCode.BrokerUnavailable,
])

interface ResponderProcess {
  readonly child: ChildProcess
  readonly lines: string[]
}

test(
  `${KILLS} kills in the midst of requests: each request ends as it may, and none is begun when nobody waits for it`,
  async () => {
    const port = await freePort()
    let broker = await startBroker({ port })
    const { division, contracts } = makeRequest()
    const connection = await open(broker)
    const requester = createRequester(connection, { contracts })
    onEnd(async () => requester.close())
    const lateness: number[] = []

    const start = (): ResponderProcess => {
      const child = spawn(process.execPath, ['--conditions=@alarm-bus/source', PROCESS], {
        env: { ...process.env, URL: `nats://127.0.0.1:${port}`, SUBJECT: division.subject, CONCURRENCY },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      onEnd(async () => void child.kill('SIGKILL'))
      const lines: string[] = []
      createInterface({ input: child.stdout }).on('line', (line) => {
        lines.push(line)
        const [, , late] = line.split(' ')
        if (late !== undefined) lateness.push(Number(late))
      })
      return { child, lines }
    }
    const processes = Array.from({ length: PROCESSES }, start)
    const isReady = ({ lines }: ResponderProcess): boolean => lines.includes('ready')
    await waitFor(() => processes.every(isReady), { what: 'all responders', deadlineMs: 60_000 })

    let asking = true
    let asked = 0
    const ends: Record<string, number> = {}
    const unexpected: unknown[] = []
    const ask = async (): Promise<void> => {
      while (asking) {
        const a = asked++
        const timeoutMs = TIMEOUTS_MS[a % TIMEOUTS_MS.length] as number
        const input = { a, b: (a * 7) % 400, note: String(Date.now() + timeoutMs) }
        const end = await requester.request(division, input, { timeoutMs }).then(
          ({ quotient }) => (quotient === a ? 'answered' : 'answered wrongly'),
          (error: unknown) => {
            if (!KitError.is(error) || !ENDS.has(error.code)) unexpected.push(error)
            return KitError.is(error) ? error.code : 'thrown'
          },
        )
        ends[end] = (ends[end] ?? 0) + 1
        // Nobody there is told at once: a pause keeps that from being all that is asked.
        if (end !== 'answered') await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    const askers = Promise.all(Array.from({ length: IN_FLIGHT }, ask))

    for (let kill = 1; kill <= KILLS; kill++) {
      const answered = ends['answered'] ?? 0
      await waitFor(() => (ends['answered'] ?? 0) > answered + IN_FLIGHT, {
        what: 'requests to be answered',
        deadlineMs: 60_000,
      })
      if (kill % BROKER_EVERY === 0) {
        await broker.kill()
        broker = await startBroker({ port })
        continue
      }
      const index = kill % PROCESSES
      await waitFor(() => isReady(processes[index] as ResponderProcess), { what: 'the responder', deadlineMs: 60_000 })
      const { child } = processes[index] as ResponderProcess
      child.kill('SIGKILL')
      await once(child, 'close')
      processes[index] = start()
    }
    asking = false
    await askers
    const latest = Math.max(...lateness)
    console.log(
      JSON.stringify({
        kills: KILLS,
        asked,
        ends,
        begun: lateness.length,
        latestMs: latest,
        late: lateness.filter((ms) => ms > 0).length,
      }),
    )
    expect(unexpected).toEqual([])
    expect(ends['answered wrongly']).toBeUndefined()
    expect(Object.values(ends).reduce((sum, count) => sum + count, 0)).toBe(asked)
    expect(ends['answered']).toBeGreaterThan(0)
    expect(latest).toBeLessThan(MAX_ON_ITS_WAY_MS)
  },
  60_000 + KILLS * 10_000,
)
