import { headers } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { dueSubject, schedulesStreamName, scheduleSubject } from '../../src/admin.ts'
import type { StoredPublisher } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { manager, open, useBroker } from '../harness.ts'
import { codeOf, scheduledContracts, type ScheduledContracts, startNoting, startReminding } from './scene.ts'

const broker = useBroker()

async function scene() {
  const made = scheduledContracts()
  const { bus, logger } = await startReminding(made, broker.current.url)
  const delivered = await startNoting(made, broker.current.url)
  return { ...made, bus, logger, delivered, publisher: bus.publisher }
}

async function listed(publisher: StoredPublisher, { reminders }: ScheduledContracts) {
  const found = []
  for await (const { id, when, at, message } of publisher.schedules(reminders)) found.push({ id, when, at, message })
  return found
}

const IN_A_YEAR = new Date(Date.now() + 365 * 24 * 3_600_000)

test('a delay and a time are delivered once, at their time, with the id as message id', async () => {
  const { publisher, reminders, delivered } = await scene()
  const askedAt = Date.now()
  const receipt = await publisher.schedule(reminders, { text: 'delay' }, { delayMs: 1_000 }, { id: 'd' })
  await publisher.schedule(reminders, { text: 'time' }, { at: new Date(askedAt + 1_500) }, { id: 't' })
  expect(receipt).toEqual({ id: 'd', at: expect.any(Date), duplicate: false })
  await waitFor(() => delivered.length === 2, { deadlineMs: 20_000 })
  expect(delivered.map(({ text, id }) => [text, id])).toEqual([
    ['delay', 'd'],
    ['time', 't'],
  ])
  expect((delivered[0]?.atMs ?? 0) - askedAt).toBeGreaterThanOrEqual(1_000)
})

test('what recurs is delivered again and again, each time with an id of its own, until it is cancelled', async () => {
  const { publisher, reminders, delivered } = await scene()
  await publisher.schedule(reminders, { text: 'tick' }, { everyMs: 1_000 }, { id: 'e' })
  await publisher.schedule(reminders, { text: 'cron' }, { cron: '* * * * * *', timeZone: 'Asia/Seoul' }, { id: 'c' })
  const of = (text: string) => delivered.filter((one) => one.text === text)
  await waitFor(() => of('tick').length >= 2 && of('cron').length >= 2, { deadlineMs: 20_000 })
  expect(await publisher.cancel(reminders, 'e')).toBe(true)
  expect(await publisher.cancel(reminders, 'c')).toBe(true)
  expect(await publisher.cancel(reminders, 'c')).toBe(false)
  const ids = delivered.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.every((id) => /^[ec]@\d{4}-\d\d-\d\dT/.test(id ?? ''))).toBe(true)
  // A marker behind them: what was still on its way has come by then.
  await publisher.schedule(reminders, { text: 'marker' }, { delayMs: 2_500 })
  const before = delivered.length
  await waitFor(() => of('marker').length === 1, { deadlineMs: 20_000 })
  expect(delivered.length).toBeLessThanOrEqual(before + 3)
})

test('one is listed, replaced and cancelled; what is replaced is never delivered', async () => {
  const made = await scene()
  const { publisher, reminders, delivered } = made
  await publisher.schedule(reminders, { text: 'first' }, { delayMs: 2_000 }, { id: 'r' })
  await publisher.schedule(reminders, { text: 'year' }, { at: IN_A_YEAR }, { id: 'y' })
  await publisher.schedule(reminders, { text: 'daily' }, { cron: '0 9 * * *', timeZone: 'Asia/Seoul' }, { id: 'n' })
  await publisher.replace(reminders, { text: 'second' }, { delayMs: 1_000 }, { id: 'r' })
  expect(await listed(publisher, made)).toEqual([
    { id: 'y', when: { at: IN_A_YEAR }, at: IN_A_YEAR, message: { text: 'year' } },
    { id: 'n', when: { cron: '0 9 * * *', timeZone: 'Asia/Seoul' }, at: undefined, message: { text: 'daily' } },
    { id: 'r', when: { delayMs: 1_000 }, at: expect.any(Date), message: { text: 'second' } },
  ])
  expect(await publisher.cancel(reminders, 'y')).toBe(true)
  expect((await listed(publisher, made)).map(({ id }) => id)).toEqual(['n', 'r'])
  await publisher.schedule(reminders, { text: 'marker' }, { delayMs: 3_000 })
  await waitFor(() => delivered.some(({ text }) => text === 'marker'), { deadlineMs: 20_000 })
  expect(delivered.map(({ text }) => text)).toEqual(['second', 'marker'])
  expect(await codeOf(publisher.replace(reminders, { text: 'third' }, { delayMs: 1_000 }, { id: 'r' }))).toBe(
    'schedule_not_found',
  )
})

test('what cannot work is refused, by name', async () => {
  const { publisher, reminders, plain } = await scene()
  const refused: [string, unknown][] = [
    ['schedule_in_past', { at: new Date(1_000) }],
    ['invalid_schedule', { at: new Date(Number.NaN) }],
    ['invalid_schedule', { delayMs: 0 }],
    ['invalid_schedule', { delayMs: 1, everyMs: 1_000 }],
    ['invalid_schedule', {}],
    ['invalid_schedule', undefined],
    ['invalid_interval', { everyMs: 500 }],
    ['invalid_interval', { everyMs: 1_500 }],
    ['invalid_cron', { cron: 'nonsense' }],
    ['invalid_cron', { cron: '99 * * * *' }],
    ['invalid_cron', { cron: '* * * *\r\nX: y *' }],
    ['unknown_time_zone', { cron: '@daily', timeZone: 'Moon/Base' }],
    ['unknown_time_zone', { cron: '@daily', timeZone: '+02:00' }],
    ['invalid_schedule', { everyMs: 1_000, timeZone: 'Asia/Seoul' }],
  ]
  for (const [code, when] of refused)
    expect([when, await codeOf(publisher.schedule(reminders, { text: 'x' }, when as never))]).toEqual([when, code])

  const when = { delayMs: 60_000 }
  expect(await codeOf(publisher.schedule(reminders, { text: '' }, when))).toBe('invalid_message')
  for (const id of ['', 'a.b', '*', '>', 'a b', 'x'.repeat(101)])
    expect(await codeOf(publisher.schedule(reminders, { text: 'x' }, when, { id }))).toBe('invalid_schedule')
  expect(await codeOf(publisher.schedule(plain, { text: 'x' }, when))).toBe('schedules_disabled')
  expect(await codeOf(publisher.cancel(plain, 'x'))).toBe('schedules_disabled')
  for (const headers of [{ 'Nats-Rollup': 'all' }, { 'Schedule-Id': 'other' }])
    expect(await codeOf(publisher.schedule(reminders, { text: 'x' }, when, { headers }))).toBe('invalid_header')
})

test('an id that is taken: the same once more is known, another message is refused, one that was cancelled is free', async () => {
  const { publisher, reminders } = await scene()
  const at = { at: IN_A_YEAR }
  const id = 'taken'
  await publisher.schedule(reminders, { text: 'x' }, at, { id })
  expect(await codeOf(publisher.schedule(reminders, { text: 'y' }, at, { id }))).toBe('schedule_exists')
  expect(await publisher.schedule(reminders, { text: 'x' }, at, { id })).toMatchObject({ duplicate: true })
  expect(await publisher.cancel(reminders, id)).toBe(true)
  expect(await publisher.schedule(reminders, { text: 'y' }, at, { id })).toMatchObject({ duplicate: false })
  expect(await publisher.cancel(reminders, id)).toBe(true)
})

test('no more wait than there is room for: none of them is dropped for another one', async () => {
  // Room for 16 of the largest.
  const made = scheduledContracts({ maxBytes: 1_000 })
  const { bus } = await startReminding(made, broker.current.url)
  const put = (n: number) => bus.publisher.schedule(made.reminders, { text: `${n}` }, { at: IN_A_YEAR })
  for (let n = 0; n < 16; n++) await put(n)
  expect(await codeOf(put(16))).toBe('schedules_full')
  expect((await listed(bus.publisher, made)).map(({ message }) => (message as { text: string }).text)).toEqual(
    Array.from({ length: 16 }, (_, n) => `${n}`),
  )
})

test('a contract that changed meanwhile: what was scheduled becomes a dead letter that says so', async () => {
  const made = scheduledContracts()
  const { bus } = await startReminding(made, broker.current.url)
  await bus.publisher.schedule(made.reminders, { text: 'old' }, { delayMs: 1_000 })
  const { defineChannel, defineStream, defineContracts } = await import('@alarm-bus/contracts')
  const { z } = await import('zod')
  const changed = defineChannel({ ...made.reminders, schema: z.object({ text: z.string(), due: z.number() }) } as never)
  const stream = defineStream({ ...made.stream, channels: [changed as never, made.plain], scheduled: [] })
  const contracts = defineContracts({ channels: [changed as never, made.plain], streams: [stream] })
  await startNoting({ ...made, reminders: changed as never, contracts } as never, broker.current.url)
  const connection = await open(broker.current)
  const letters = (await manager(connection)).streams
  await waitFor(async () => (await letters.info(`${stream.name}_DLQ`)).state.messages === 1, { deadlineMs: 20_000 })
  const letter = await letters.getMessage(`${stream.name}_DLQ`, { seq: 1 })
  expect(letter?.header.get('Dead-Letter-Reason')).toBe('invalid_message')
  expect(letter?.header.get('Dead-Letter-Issues')).toContain('due')
})

test('cancelled and replaced in the moment that they are due: what was said of each holds', async () => {
  const { publisher, reminders, delivered } = await scene()
  const dueAt = Date.now() + 1_500
  const ids = Array.from({ length: 300 }, (_, n) => `race${n}`)
  await Promise.all(
    ids.map((id) => publisher.schedule(reminders, { text: `old ${id}` }, { at: new Date(dueAt) }, { id })),
  )
  // The server looks a few times a second: some of them are before it, some behind it, some in between.
  const expected = await Promise.all(
    ids.map(async (id, n) => {
      await new Promise((resolve) => setTimeout(resolve, dueAt - Date.now() - 50 + 2 * n))
      if (n % 2 === 0) return (await publisher.cancel(reminders, id)) ? [] : [`old ${id}`]
      const code = await codeOf(publisher.replace(reminders, { text: `new ${id}` }, { delayMs: 500 }, { id }))
      return [code === 'resolved' ? `new ${id}` : `old ${id}`]
    }),
  )
  await publisher.schedule(reminders, { text: 'marker' }, { delayMs: 2_000 })
  await waitFor(() => delivered.some(({ text }) => text === 'marker'), { deadlineMs: 20_000 })
  const texts = delivered.map(({ text }) => text).filter((text) => text !== 'marker')
  expect(texts.toSorted()).toEqual(expected.flat().toSorted())
})

test('what fell due in the moment of its cancellation, and was stored behind it, is not delivered', async () => {
  const made = await scene()
  const { publisher, reminders, delivered, stream, bus } = made
  await publisher.schedule(reminders, { text: 'marker' }, { delayMs: 1_000 }, { id: 'first' })
  await waitFor(() => delivered.length === 1, { deadlineMs: 20_000 })
  const connection = await open(broker.current)
  // The app is away while it falls due; then the stream is as such a moment leaves it.
  await bus.stop(5_000)
  const client = connection.client
  const due = dueSubject(stream.name, reminders.name, 'late', 'g')
  const set = headers()
  set.set('Nats-Schedule', `@at ${new Date(Date.now() + 200).toISOString()}`)
  set.set('Nats-Schedule-Target', due)
  set.set('Schedule-Id', 'late')
  await client.request(scheduleSubject(stream.name, reminders.name, 'late', 'g', 0), '{"text":"late"}', {
    headers: set,
    timeout: 5_000,
  })
  const streams = (await manager(connection)).streams
  const schedules = schedulesStreamName(stream.name, reminders.name)
  await waitFor(() => streams.getMessage(schedules, { last_by_subj: due }), { deadlineMs: 20_000 })
  const cancelled = headers()
  cancelled.set('Schedule-Cancelled', 'yes')
  await client.request(scheduleSubject(stream.name, reminders.name, 'late', 'g', 1), '', {
    headers: cancelled,
    timeout: 5_000,
  })
  const again = await startReminding(made, broker.current.url)
  await again.bus.publisher.schedule(reminders, { text: 'marker' }, { delayMs: 1_000 }, { id: 'second' })
  await waitFor(() => delivered.length === 2, { deadlineMs: 20_000 })
  expect(delivered.map(({ id }) => id)).toEqual(['first', 'second'])
})

test('on a broker without streams an app that schedules starts without an error', async () => {
  const { logger } = await scene()
  expect(logger.lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([])
})
