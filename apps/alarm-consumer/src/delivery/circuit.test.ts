import { DeadLetter, RetryLater } from '@alarm-bus/nats-kit'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { createLogger } from '@alarm-bus/service'
import { afterEach, expect, test, vi } from 'vitest'
import { SinkFailed } from '../sinks/sink-failed.ts'
import { Circuit } from './circuit.ts'

const logger = createLogger({ app: 'test', version: '0.0.0', logLevel: 'fatal' })
const never = new AbortController().signal
const away = (): Promise<never> => Promise.reject(new SinkFailed('slack answered 503'))
const circuits: Circuit[] = []
afterEach(() => circuits.splice(0).forEach((circuit) => circuit.stop()))

function create({ failures = 2, firstPauseMs = 20 } = {}) {
  const pauses: string[] = []
  let paused = 0
  const pause = (reason: string) => {
    pauses.push(reason)
    paused++
    return () => void paused--
  }
  const circuit = new Circuit({ sink: 'slack', failures, firstPauseMs, logger, pause })
  circuits.push(circuit)
  return { circuit, pauses, isPaused: () => paused > 0 }
}

test('a failure is thrown while the circuit is closed; what no attempt can mend opens nothing', async () => {
  const { circuit, pauses } = create()
  await expect(circuit.run(never, away)).rejects.toThrow('slack answered 503')
  for (let i = 0; i < 5; i++) {
    await expect(circuit.run(never, () => Promise.reject(new DeadLetter('404')))).rejects.toThrow('404')
  }
  expect(pauses).toEqual([])
})

test('open: alarms wait, one at a time probes, and all go when one has arrived', async () => {
  const { circuit, pauses, isPaused } = create()
  let isAway = true
  let now = 0
  let most = 0
  let calls = 0
  const send = async () => {
    calls++
    most = Math.max(most, ++now)
    await new Promise(setImmediate)
    now--
    if (isAway) await away()
  }
  await expect(circuit.run(never, away)).rejects.toThrow()
  const opening = circuit.run(never, away).catch(() => 'went back')
  await waitFor(isPaused)
  const waiting = Array.from({ length: 10 }, () => circuit.run(never, send))
  await waitFor(() => calls >= 2, { what: 'it is probed' })
  expect(most).toBe(1)
  isAway = false
  await Promise.all(waiting)
  await opening
  await waitFor(() => !isPaused())
  expect(new Set(pauses)).toEqual(new Set(['slack is away']))
})

test('an alarm that fails as a probe three times goes back, so that it does not hold the others', async () => {
  const { circuit } = create({ failures: 1, firstPauseMs: 10 })
  let calls = 0
  const poison = circuit.run(never, () => {
    calls++
    return away()
  })
  await expect(poison).rejects.toThrow('slack answered 503')
  expect(calls).toBe(1 + 3)
  await circuit.run(never, async () => undefined)
})

test('with no alarm here to probe with, pulling begins again; at a stop the waiting go back and others pass', async () => {
  const { circuit, isPaused } = create({ failures: 1, firstPauseMs: 20 })
  const abort = new AbortController()
  const first = circuit.run(abort.signal, away)
  await waitFor(isPaused)
  abort.abort(new Error('told to stop'))
  await expect(first).rejects.toThrow()
  await waitFor(() => !isPaused(), { what: 'pulling begins again' })
  await circuit.run(never, async () => undefined)

  const { circuit: other, isPaused: otherPaused } = create({ failures: 1, firstPauseMs: 60_000 })
  const waiting = other.run(never, away)
  await waitFor(otherPaused)
  other.stop()
  await expect(waiting).rejects.toThrow('the app is stopping')
  circuit.stop()
  await circuit.run(never, async () => undefined)
})

test('a wait is kept by all: a short one here, a long one on the broker', async () => {
  const { circuit, isPaused } = create()
  const limited = (retryAfterMs: number) => new SinkFailed('slack answered 429', { retryAfterMs, rateLimited: true })
  let calls = 0
  await circuit.run(never, async () => {
    if (++calls === 1) throw limited(50)
  })
  expect(calls).toBe(2)
  await waitFor(() => !isPaused())
  const error = await circuit.run(never, () => Promise.reject(limited(600_000))).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(RetryLater)
  expect(error).toMatchObject({ delayMs: 600_000 })
  expect(isPaused()).toBe(true)
})

test('a clock that is set back by a day holds nothing up', async () => {
  const { circuit, isPaused } = create({ failures: 1, firstPauseMs: 30 })
  const now = vi.spyOn(Date, 'now')
  try {
    let calls = 0
    const sending = circuit.run(never, async () => {
      if (++calls === 1) await away()
    })
    await waitFor(isPaused)
    now.mockReturnValue(performance.timeOrigin - 86_400_000)
    await sending
    expect(calls).toBe(2)
    await waitFor(() => !isPaused())
  } finally {
    now.mockRestore()
  }
})

test('what the sink says at a stop costs no delivery', async () => {
  const { circuit } = create()
  const sending = circuit.run(never, async () => {
    circuit.stop()
    throw new SinkFailed('slack answered 429', { rateLimited: true })
  })
  await expect(sending).rejects.toBeInstanceOf(RetryLater)
})
