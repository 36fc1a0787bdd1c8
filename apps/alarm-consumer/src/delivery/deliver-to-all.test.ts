import { createMemoryOnceStore, DeadLetter, type MessageContext, RetryLater } from '@alarm-bus/nats-kit'
import { createLogger } from '@alarm-bus/service'
import { expect, test } from 'vitest'
import type { Alarm } from '../sinks/alarm-sink.ts'
import { deliverToAll } from './deliver-to-all.ts'

const storedAt = new Date(1_700_000_000_000)
const logger = createLogger({ app: 'test', version: '0.0.0', logLevel: 'fatal' })

/** Sinks that do in turn what they are given: an error fails, nothing takes the alarm. */
function create(turns: Readonly<Record<string, readonly (Error | undefined)[]>>) {
  const calls: string[] = []
  const left = new Map(Object.entries(turns).map(([name, outcomes]) => [name, [...outcomes]]))
  const store = createMemoryOnceStore()
  const destinations = Object.keys(turns).map((name) => ({
    name,
    store,
    send: async () => {
      calls.push(name)
      const outcome = left.get(name)?.shift()
      if (outcome) throw outcome
    },
  }))
  const deliver = deliverToAll(destinations)
  const attempt = async (deliveryCount: number): Promise<unknown> => {
    calls.length = 0
    const alarm: Alarm = { channel: 'c', message: 'm', id: undefined, stream: 'S', seq: 7, storedAt, deliveryCount }
    const { signal } = new AbortController()
    const context = { ...alarm, subject: 's', consumer: 'app_c', signal, logger } as unknown as MessageContext
    return deliver(alarm, context).catch((error: unknown) => error)
  }
  return { attempt, calls }
}

const failed = new Error('away')

test('who has taken the alarm is not called again when another fails, nor after all have', async () => {
  const { attempt, calls } = create({ a: [], b: [failed, failed] })
  expect(await attempt(1)).toMatchObject({ message: 'away' })
  expect(calls).toEqual(['a', 'b'])
  expect(await attempt(2)).toMatchObject({ message: 'away' })
  expect(calls).toEqual(['b'])
  expect(await attempt(3)).toBeUndefined()
  expect(calls).toEqual(['b'])
  expect(await attempt(4)).toBeUndefined()
  expect(calls).toEqual([])
})

test('who has refused it is not called again either, until it is redriven', async () => {
  const { attempt, calls } = create({ a: [new DeadLetter('gone')], b: [failed] })
  expect(await attempt(1)).not.toBeInstanceOf(DeadLetter)
  const second = await attempt(2)
  expect(calls).toEqual(['b'])
  expect(second).toBeInstanceOf(DeadLetter)
  expect(second).toMatchObject({ message: 'gone' })
  // A redriven alarm is at its first delivery again.
  expect(await attempt(1)).toBeUndefined()
  expect(calls).toEqual(['a'])
})

test('the longest wait counts, and every reason is named', async () => {
  const { attempt } = create({
    a: [new RetryLater(5_000, 'a waits')],
    b: [new RetryLater(9_000, 'b waits')],
    c: [failed],
  })
  const error = await attempt(1)
  expect(error).toBeInstanceOf(RetryLater)
  expect(error).toMatchObject({ delayMs: 9_000, message: 'a waits; b waits; away' })
})
