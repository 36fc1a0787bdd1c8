import type { StreamConfig } from '@nats-io/jetstream'
import { expect, test } from 'vitest'
import { createJetStreamPublisher, createSubscriber, defineHandler, ensureStreams } from '../src/index.ts'
import { StreamKeeper } from '../src/lifecycle/stream-keeper.ts'
import type { StreamMode } from '../src/streams/ensure-streams.ts'
import { waitFor } from '../src/testing.ts'
import { makeContracts, manager, onEnd, open, useBroker } from './harness.ts'

const broker = useBroker()

/** No look is due by itself: each is caused. */
const NEVER = { everyMs: 86_400_000, retryMs: 20, maxRetryMs: 20 }

type Edit = Partial<StreamConfig> & Readonly<Record<string, unknown>>

/** A keeper that is content, and another tool's hands on its stream. */
async function setUp(mode: StreamMode) {
  const made = makeContracts()
  const admin = await manager(await open(broker.current))
  await ensureStreams(await open(broker.current), [made.stream], { mode: 'apply' })
  const connection = await open(broker.current)
  const keeper = new StreamKeeper(connection, [made.stream], { mode }, NEVER)
  onEnd(() => keeper.stop())
  keeper.start()
  await waitFor(() => keeper.check().ok)
  const handled: string[] = []
  const subscribe = async () => {
    const subscriber = createSubscriber(connection, {
      contracts: made.contracts,
      app: 'app',
      handlers: [defineHandler(made.toBot, ({ message }) => void handled.push(message))],
      watchdog: { lookMs: 50, idleLookMs: 50 },
    })
    onEnd(() => subscriber.stop(2_000))
    subscriber.start()
    await waitFor(() => subscriber.checks().every(({ ok }) => ok))
    // The looks that the start asked for are over.
    await waitFor(() => keeper.check().ok)
  }
  const publisher = createJetStreamPublisher(connection, {
    contracts: made.contracts,
    budgetMs: 1_000,
    attemptTimeoutMs: 200,
  })
  onEnd(() => publisher.close())
  const edit = (config: Edit) => admin.streams.update(made.stream.name, config)
  const config = async () => (await admin.streams.info(made.stream.name)).config as StreamConfig & Edit
  return { ...made, connection, keeper, handled, subscribe, publisher, edit, config }
}

type Made = Awaited<ReturnType<typeof setUp>>

const EDITS: readonly (readonly [string, (made: Made) => Edit])[] = [
  ['subject_transform', ({ toBot }) => ({ subject_transform: { src: toBot.subject, dest: 'elsewhere' } })],
  ['max_msgs_per_subject', () => ({ max_msgs_per_subject: 1 })],
  ['max_msg_size', () => ({ max_msg_size: 5 })],
  ['max_age', () => ({ max_age: 10e9, duplicate_window: 10e9 })],
  ['max_msgs', () => ({ max_msgs: 1 })],
  ['no_ack', () => ({ no_ack: true })],
]

test.each([
  ...EDITS,
  ['retention', () => ({ retention: 'interest' as never })],
  ['sealed', () => ({ sealed: true })],
] as typeof EDITS)('a consumer’s look finds %s edited, and the app is not ready', async (field, edit) => {
  const made = await setUp('verify')
  await made.subscribe()
  await made.edit(edit(made))
  await waitFor(() => !made.keeper.check().ok, { deadlineMs: 20_000 })
  expect(made.keeper.check().detail).toContain(`${field}: `)
})

test.each(EDITS)('mode apply puts %s right as soon as a look finds it', async (field, edit) => {
  const made = await setUp('apply')
  await made.subscribe()
  const before = (await made.config())[field]
  await made.edit(edit(made))
  await waitFor(async () => JSON.stringify((await made.config())[field]) === JSON.stringify(before), {
    deadlineMs: 20_000,
  })
  await made.publisher.publish(made.toBot, { message: 'after' })
  await waitFor(() => made.handled.includes('after'))
  await waitFor(() => made.keeper.check().ok)
})

test.each([
  ['max_msg_size', () => ({ max_msg_size: 5 })],
  ['sealed', () => ({ sealed: true })],
  ['no_ack', () => ({ no_ack: true })],
] as typeof EDITS)('a publish that fails of %s makes the app look, without a consumer', async (field, edit) => {
  const made = await setUp('verify')
  await made.edit(edit(made))
  await made.publisher.publish(made.toBot, { message: 'refused' }).catch(() => undefined)
  await waitFor(() => !made.keeper.check().ok, { deadlineMs: 20_000 })
  expect(made.keeper.check().detail).toContain(`${field}: `)
})

test('what changes neither what is stored nor what is delivered is an operator’s own', async () => {
  const made = await setUp('verify')
  await made.subscribe()
  await made.edit({ republish: { src: made.toLog.subject, dest: 'copies.x' }, description: 'x', deny_delete: true })
  await made.edit({ subject_transform: { src: 'other.>', dest: 'elsewhere.>' } })
  made.keeper.lookNow()
  await made.publisher.publish(made.toBot, { message: 'one' })
  await waitFor(() => made.handled.includes('one'))
  expect(made.keeper.check().ok).toBe(true)
})
