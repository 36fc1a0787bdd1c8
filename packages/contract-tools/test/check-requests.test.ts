import { defineApp, defineContracts, defineRequest, defineStream } from '@alarm-bus/contracts'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { describeResult } from '../src/compatibility/describe-result.ts'
import type { CompatibilityMode } from '../src/compatibility/released.ts'
import { toJson } from '../src/compatibility/to-json.ts'
import { takeSnapshot } from '../src/snapshot/take-snapshot.ts'
import { changeset, check } from './orders.ts'

const request = (change: object = {}) =>
  defineRequest({
    name: 'order-state',
    subject: 'ask.order.state',
    owner: 'shop',
    description: 'x',
    request: z.object({ id: z.string() }),
    response: z.object({ state: z.string() }),
    errors: { unknown_order: z.object({}) },
    ...change,
  })
const snapshot = (...requests: ReturnType<typeof request>[]) =>
  takeSnapshot(defineContracts({ channels: [], streams: [], requests }))
const between = (before: object, after: object, compatibility: CompatibilityMode) =>
  check(snapshot(request({ ...before, compatibility })), snapshot(request({ ...after, compatibility })))

const id = z.object({ id: z.string() })
const more = z.object({ id: z.string(), more: z.string() })
const optional = z.object({ id: z.string(), more: z.string().optional() })
const unknown = { unknown_order: z.object({}) }

// backward: callers are a release behind. forward: responders are.
test.each([
  ['a request demands more', { request: id }, { request: more }, { backward: false, forward: true, full: false }],
  ['a request may have more', { request: id }, { request: optional }, { backward: true, forward: true, full: true }],
  ['a request demands less', { request: more }, { request: optional }, { backward: true, forward: false, full: false }],
  [
    'a response lacks something',
    { response: more },
    { response: id },
    { backward: false, forward: false, full: false },
  ],
  [
    'a response may lack something',
    { response: more },
    { response: optional },
    { backward: false, forward: true, full: false },
  ],
  [
    'a response has something more',
    { response: id },
    { response: more },
    { backward: true, forward: false, full: false },
  ],
  ['a response may have more', { response: id }, { response: optional }, { backward: true, forward: true, full: true }],
  ['an error more', {}, { errors: { ...unknown, gone: z.null() } }, { backward: false, forward: true, full: false }],
  ['an error less', { errors: { ...unknown, gone: z.null() } }, {}, { backward: true, forward: false, full: false }],
  [
    'an error says less',
    { errors: { gone: more } },
    { errors: { gone: id } },
    { backward: false, forward: false, full: false },
  ],
  ['requests may be larger', {}, { maxRequestBytes: 99_999 }, { backward: true, forward: false, full: false }],
  ['requests may not be as large', {}, { maxRequestBytes: 9 }, { backward: false, forward: true, full: false }],
  ['responses may be larger', {}, { maxResponseBytes: 99_999 }, { backward: false, forward: true, full: false }],
  ['another subject', {}, { subject: 'ask.elsewhere' }, { backward: false, forward: false, full: false }],
])('%s', (_, before, after, passes) => {
  for (const [mode, compatible] of Object.entries({ ...passes, none: true })) {
    const { outcome } = between(before, after, mode as CompatibilityMode)
    expect(outcome, mode).toBe(compatible ? 'compatible' : 'breaking')
  }
})

const HOUR_MS = 3_600_000
const stored = (change: object = {}, stream = 'S') => {
  const one = request({ stored: true, timeoutMs: HOUR_MS, keepReplyMs: 2 * HOUR_MS, ...change })
  const limits = { maxAgeMs: 24 * HOUR_MS, maxMessages: 10, maxBytes: 1_000_000 }
  const streams = [defineStream({ name: stream, description: 'x', channels: [], requests: [one], ...limits })]
  return takeSnapshot(defineContracts({ channels: [], streams, requests: [one] }))
}

test.each([
  ['nothing', stored(), stored(), { backward: true, forward: true, full: true }],
  ['it is no longer stored', stored(), undefined, { backward: false, forward: false, full: false }],
  ['it is stored from now on', undefined, stored(), { backward: false, forward: false, full: false }],
  ['another stream', stored(), stored({}, 'T'), { backward: false, forward: false, full: false }],
  ['a later deadline', stored(), stored({ timeoutMs: 2 * HOUR_MS }), { backward: true, forward: true, full: true }],
  ['a sooner deadline', stored(), stored({ timeoutMs: 1_000 }), { backward: false, forward: true, full: false }],
  [
    'answers kept for longer',
    stored(),
    stored({ keepReplyMs: 3 * HOUR_MS }),
    { backward: true, forward: true, full: true },
  ],
  [
    'answers kept for less',
    stored(),
    stored({ keepReplyMs: HOUR_MS }),
    { backward: false, forward: true, full: false },
  ],
])('of a stored request: %s', (_, before, after, passes) => {
  for (const [mode, compatible] of Object.entries({ ...passes, none: true })) {
    const inMode = (given: ReturnType<typeof snapshot> | undefined) => {
      const { requests = [], ...rest } = given ?? snapshot(request())
      return { ...rest, requests: requests.map((one) => ({ ...one, compatibility: mode as CompatibilityMode })) }
    }
    expect(check(inMode(before), inMode(after)).outcome, mode).toBe(compatible ? 'compatible' : 'breaking')
  }
})

test('who breaks is named, on the end that it breaks at', () => {
  const asker = defineApp({ name: 'web', owner: 'x', description: 'y', asks: [request()] })
  const answerer = defineApp({ name: 'orders', owner: 'x', description: 'y', answers: [request()] })
  const result = check(snapshot(request()), snapshot(request({ request: more, response: id })), {
    apps: [asker, answerer],
  })
  const text = describeResult(result).join('\n')
  expect(text).toContain('✗ /request/more  field_added_required')
  expect(text).toContain('callers (web) are refused with what they sent before')
  expect(text).toContain('responders (orders) that are built with it cannot rely on what older callers (web) send')
  expect(text).toContain('✗ /response/state  field_removed')
  expect(text).toContain(
    'callers (web) that are not yet built with it cannot rely on what newer responders (orders) send',
  )
  expect(toJson(result)).toMatchObject({
    outcome: 'breaking',
    requests: [{ request: 'order-state', askedBy: ['web'], answeredBy: ['orders'], outcome: 'breaking' }],
  })
})

test('a request goes when no app declares it, and a changeset says so', () => {
  const before = snapshot(request())
  const asker = defineApp({ name: 'web', owner: 'x', description: 'y', asks: [request()] })
  expect(check(before, snapshot(), { apps: [asker] }).requests[0]).toMatchObject({
    outcome: 'breaking',
    missing: ['no app that still declares it: web', expect.stringContaining('Breaking: order-state')],
  })
  const gone = check(before, snapshot(), { changesets: [changeset('minor', 'Breaking: order-state')] })
  expect(gone.outcome).toBe('accepted')
})

test('a new request breaks no app, also beside a release that knew none', () => {
  const { requests: _, ...before } = snapshot()
  expect(check(before, snapshot(request()))).toMatchObject({
    outcome: 'compatible',
    requests: [{ outcome: 'compatible' }],
  })
})
