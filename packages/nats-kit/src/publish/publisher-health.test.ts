import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Connection } from '../connection/connection.ts'
import type { ConnectionState } from '../events.ts'
import { KitEvents } from '../events.ts'
import { collectLogs } from '../testing/collect-logs.ts'
import { PublisherHealth } from './publisher-health.ts'

const UNSTORED_MS = 5_000

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'Date'] }))
afterEach(() => void vi.useRealTimers())

function setUp() {
  const events = new KitEvents()
  const logger = collectLogs()
  const connection = { events, logger, state: 'connected' as ConnectionState }
  const inbox: { refusal: string | undefined } = { refusal: undefined }
  const health = new PublisherHealth(connection as unknown as Connection, UNSTORED_MS, () => [inbox])
  const ask = () => ({ startedAt: performance.now(), storedBefore: health.storedCount })
  const fail = (asked = ask(), unanswered = true) => health.failed({ ...asked, why: 'no ack within 5 ms', unanswered })
  const change = (state: ConnectionState): void => {
    connection.state = state
    events.emit('connectionStateChanged', { state })
  }
  const said = () => logger.lines.map(({ fields }) => fields['event'])
  return { health, ask, fail, change, inbox, said }
}

test('a failure alone says little; none stored for the time does, once in the log, until the next is stored', () => {
  const { health, ask, fail, said } = setUp()
  expect(health.check()).toMatchObject({ name: 'publisher', ok: true })
  fail()
  expect(health.check().ok).toBe(true)
  const asked = ask()
  vi.advanceTimersByTime(UNSTORED_MS)
  fail(asked)
  fail(asked)
  expect(health.check()).toMatchObject({ ok: false, detail: expect.stringContaining('no ack within 5 ms; the broker') })
  expect(said()).toEqual(['publisherNotReady'])
  health.stored()
  expect(health.check()).toMatchObject({ ok: true, detail: 'stores what is asked' })
  expect(said()).toEqual(['publisherNotReady', 'publisherReady'])
})

test('one that failed while others were stored is its own trouble', () => {
  const { health, ask, fail } = setUp()
  const asked = ask()
  vi.advanceTimersByTime(UNSTORED_MS)
  health.stored()
  fail(asked)
  expect(health.check().ok).toBe(true)
})

test('without a message to try it with it is called ready again, and the next failure takes that back', () => {
  const { health, ask, fail } = setUp()
  const asked = ask()
  vi.advanceTimersByTime(UNSTORED_MS)
  fail(asked)
  vi.advanceTimersByTime(29_000)
  expect(health.check().ok).toBe(false)
  vi.advanceTimersByTime(2_000)
  expect(health.check()).toMatchObject({ ok: true, warning: true })
  fail()
  expect(health.check().ok).toBe(false)
})

test('a lost connection is not its business, and what failed on an earlier one says nothing of the next', () => {
  const { health, ask, fail, change } = setUp()
  change('disconnected')
  const whileAway = ask()
  vi.advanceTimersByTime(UNSTORED_MS)
  fail(whileAway)
  change('connected')
  expect(health.check().ok).toBe(true)
  // Most of its time was spent without a connection.
  vi.advanceTimersByTime(1_000)
  fail(whileAway)
  expect(health.check().ok).toBe(true)
  const asked = ask()
  vi.advanceTimersByTime(UNSTORED_MS)
  fail(asked)
  expect(health.check().ok).toBe(false)
  change('connected')
  expect(health.check().ok).toBe(true)
})

test('a refused inbox makes it not well for as long', () => {
  const { health, inbox } = setUp()
  inbox.refusal = 'refused'
  expect(health.check()).toEqual({ name: 'publisher', ok: false, detail: 'refused' })
  inbox.refusal = undefined
  expect(health.check().ok).toBe(true)
})
