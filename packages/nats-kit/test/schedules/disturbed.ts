import { expect } from 'vitest'
import { waitFor } from '../../src/testing.ts'
import { readChannel } from '../../src/index.ts'
import { open } from '../harness.ts'
import { type ScheduledContracts, startReminding } from './scene.ts'

const DELAYS = 1_000
const CANCELLED = 100
/** When the first of them is due, and the last. */
const FROM_MS = 3_000
const TO_MS = 7_000

interface Disturbed {
  readonly url: string
  readonly replicas?: number
  /** Begins when the first messages are due. */
  readonly disturb: (made: ScheduledContracts) => Promise<unknown>
}

/**
 * A thousand delays and three crons through a disturbance, a tenth of the delays cancelled before it: each that was not
 * is in the channel's stream once. Tells how late they were stored there, in milliseconds.
 */
export async function throughDisturbance(made: ScheduledContracts, { url, replicas, disturb }: Disturbed) {
  const { reminders, contracts } = made
  const { bus } = await startReminding(made, url, { replicas })
  const { publisher } = bus
  const crons = ['* * * * * *', '*/2 * * * * *', '@every']
  for (const [n, cron] of crons.entries())
    await publisher.schedule(reminders, { text: 'cron' }, cron === '@every' ? { everyMs: 1_000 } : { cron }, {
      id: `cron${n}`,
    })
  const startsAt = Date.now() + FROM_MS
  const dueAt = new Map<string, number>()
  const put = async (n: number): Promise<void> => {
    const id = `delay${n}`
    const at = startsAt + Math.floor(((TO_MS - FROM_MS) * n) / DELAYS)
    dueAt.set(id, at)
    await publisher.schedule(reminders, { text: id }, { at: new Date(at) }, { id })
  }
  // The last first: what is due soon was to be cancelled before it is.
  await Promise.all(Array.from({ length: DELAYS }, (_, n) => put(n)))
  const cancelled = Array.from({ length: CANCELLED }, (_, n) => `delay${DELAYS - 1 - n * 9}`)
  expect(await Promise.all(cancelled.map((id) => publisher.cancel(reminders, id)))).toEqual(cancelled.map(() => true))
  for (const id of cancelled) dueAt.delete(id)
  await waitFor(() => Date.now() >= startsAt, { deadlineMs: 30_000 })
  await disturb(made)

  const connection = await open({ url: url.split(',')[0] as string })
  const stored = async () => {
    const found: { readonly id: string; readonly text: string; readonly at: number }[] = []
    const reading = readChannel(connection, reminders, { contracts, from: 'start' })
    for await (const item of reading) {
      if (item.kind !== 'message') throw new Error(`read ${item.kind}`)
      const { id = '', storedAt } = item
      found.push({ id, text: item.message.text, at: storedAt.getTime() })
    }
    return found
  }
  const delays = async () => (await stored()).filter(({ text }) => text !== 'cron')
  await waitFor(async () => (await delays()).length >= dueAt.size && Date.now() > startsAt + TO_MS - FROM_MS, {
    deadlineMs: 45_000,
    everyMs: 200,
    what: 'all delays',
  })
  const all = await stored()
  const once = all.filter(({ text }) => text !== 'cron')
  expect(once.map(({ id }) => id).toSorted()).toEqual([...dueAt.keys()].toSorted())
  const ticks = all.filter(({ text }) => text === 'cron').map(({ id }) => id)
  expect(new Set(ticks).size).toBe(ticks.length)
  for (const n of crons.keys()) {
    const seconds = ticks
      .filter((id) => id.startsWith(`cron${n}@`))
      .map((id) => Math.round(Date.parse(id.slice(6)) / 1_000))
    expect(seconds.length).toBeGreaterThan(2)
    // No second twice.
    expect(new Set(seconds).size).toBe(seconds.length)
  }
  for (const n of crons.keys()) expect(await publisher.cancel(reminders, `cron${n}`)).toBe(true)
  return once.map(({ id, at }) => at - (dueAt.get(id) as number)).toSorted((a, b) => a - b)
}
