import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { createJetStreamPublisher, ensureStreams } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { Dice } from '../dice.ts'
import { onEnd, open, useBroker } from '../harness.ts'
import { makeKeyed } from './keyed-contracts.ts'
import { OrderHistory } from './order-history.ts'

/** `MESSAGES=1000000 KEYS=1000 KILLS=60 pnpm exec vitest run test/order/kills.test.ts` takes long. */
const MESSAGES = Number(process.env['MESSAGES'] ?? 20_000)
const KEYS = Number(process.env['KEYS'] ?? 200)
const KILLS = Number(process.env['KILLS'] ?? 3)
const DEADLINE_MS = MESSAGES > 20_000 ? 3_600_000 : 100_000
const PROCESS = new URL('./keyed-process.ts', import.meta.url).pathname

const broker = useBroker()

test(
  `${MESSAGES} messages of ${KEYS} keys, handled by one process after another, ${KILLS} of them killed: no inversion`,
  async () => {
    const { name, channel, stream, contracts } = makeKeyed()
    const connection = await open(broker.current)
    await ensureStreams(connection, [stream], { mode: 'apply' })
    const history = new OrderHistory()
    const start = (): ChildProcess => {
      const child = spawn(process.execPath, ['--conditions=@alarm-bus/source', PROCESS], {
        env: { ...process.env, URL: broker.current.url, NAME: name },
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      onEnd(async () => void child.kill('SIGKILL'))
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        const [what, key = '', n] = line.split(' ')
        if (what === 'begin') history.begin(key, Number(n))
        else if (what === 'end' || what === 'fail') history.end(key, Number(n), what === 'end')
      })
      return child
    }

    const dice = new Dice(11)
    const publisher = createJetStreamPublisher(connection, { contracts, maxInFlight: 100_000 })
    const publishing = (async () => {
      for (let n = 0; n < MESSAGES; n += 1_000) {
        const messages = Array.from({ length: Math.min(1_000, MESSAGES - n) }, (_, i) => ({
          key: `k${dice.int(1, KEYS)}`,
          n: n + i,
          does: dice.chance(0.01) ? 'throw' : dice.chance(0.3) ? 'wait' : 'return',
        }))
        await publisher.publishMany(channel, messages)
      }
    })()

    // The next one stands by when the one before is killed: it begins long before the ack wait is over.
    let next = start()
    const go = (): ChildProcess => {
      const child = next
      child.stdin?.write('go\n')
      next = start()
      return child
    }
    let child = go()
    for (let kill = 1; kill <= KILLS; kill++) {
      const goal = Math.floor((kill * MESSAGES) / (KILLS + 1))
      await waitFor(() => history.ended >= goal, { what: `${goal} messages`, deadlineMs: DEADLINE_MS })
      child.kill('SIGKILL')
      await once(child, 'close')
      history.killed()
      child = go()
    }
    await publishing
    await waitFor(() => history.ended === MESSAGES, { what: 'all messages', deadlineMs: DEADLINE_MS })
    expect(history.violations.slice(0, 10)).toEqual([])
  },
  2 * DEADLINE_MS,
)
