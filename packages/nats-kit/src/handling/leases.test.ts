import { expect, test } from 'vitest'
import { collectLogs } from '../testing.ts'
import { Envelope } from './envelope.ts'
import { type Lease, Leases } from './leases.ts'

const scope = { channel: 'channel', logger: collectLogs() }
const delivery = (seq: number) => new Envelope({ subject: 's', reply: `$JS.ACK.S.c.1.${seq}.1.7.0` } as never, scope)

const make = () => {
  const ends: unknown[] = []
  const leases = new Leases({
    onDone: (lease) => void ends.push(lease),
    onFailed: (lease, error) => void ends.push([lease, error]),
    onLate: (envelope, error) => void ends.push(['late', envelope, error]),
  })
  return { leases, ends }
}

test('leases are used again, and each callback says whose it is', () => {
  const { leases, ends } = make()
  const [one, two, three] = [delivery(1), delivery(2), delivery(3)]
  const first = leases.add(one, 1)
  const second = leases.add(two, 2)
  expect(leases.size).toBe(2)
  first.onDone()
  second.onFailed('why')
  expect(ends).toEqual([first, [second, 'why']])
  expect(leases.find('2.7')).toBe(second)
  expect(leases.remove(first)).toBe(one)
  expect(leases.remove(first)).toBeUndefined()
  expect([leases.size, leases.find('1.7')]).toEqual([1, undefined])
  const third = leases.add(three, 3)
  expect(third).toBe(first)
  const all: [boolean, number][] = []
  leases.forEach((each, { since }) => all.push([each === three, since]))
  expect(all).toEqual([
    [true, 3],
    [false, 2],
  ])
})

test('a lease that was taken away decides nothing any more, and is not used again', () => {
  const { leases, ends } = make()
  const hangs = delivery(1)
  const taken = leases.add(hangs, 1)
  leases.began(taken, 1)
  const own: Lease = leases.retire(taken)
  expect([own === taken, own.envelope, leases.size, leases.runningCount]).toEqual([false, hangs, 1, 0])
  expect(leases.remove(own)).toBe(hangs)
  const next = leases.add(delivery(2), 2)
  expect(next).not.toBe(taken)
  taken.onFailed('at last')
  expect(ends).toEqual([['late', hangs, 'at last']])
  expect(leases.find('2.7')).toBe(next)
})
