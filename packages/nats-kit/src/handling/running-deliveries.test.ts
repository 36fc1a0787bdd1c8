import { expect, test } from 'vitest'
import { Delivery } from './delivery.ts'
import { type Place, RunningDeliveries } from './running-deliveries.ts'
import { collectLogs } from '../testing.ts'

const delivery = () => new Delivery({ subject: 's' } as never, { channel: 'channel', logger: collectLogs() })

test('places are used again, and each callback says whose place it is', () => {
  const done: Place[] = []
  const failed: unknown[] = []
  const running = new RunningDeliveries(
    (place) => done.push(place),
    (place, error) => failed.push(place, error),
  )
  const [one, two, three] = [delivery(), delivery(), delivery()]
  const first = running.add(one, 1)
  const second = running.add(two, 2)
  expect(running.size).toBe(2)
  first.onDone()
  second.onFailed('why')
  expect([done, failed]).toEqual([[first], [second, 'why']])
  expect(running.remove(first)).toBe(one)
  expect(running.remove(first)).toBeUndefined()
  expect(running.size).toBe(1)
  const third = running.add(three, 3)
  expect(third).toBe(first)
  const all: unknown[] = []
  running.forEach((each, startedAt) => all.push([each === three, startedAt]))
  expect(all).toEqual([
    [true, 3],
    [false, 2],
  ])
})
