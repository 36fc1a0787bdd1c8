import { type ConsumerConfig, DeliverPolicy } from '@nats-io/jetstream'
import { describe, expect, test } from 'vitest'
import type { SubscriberOptions } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { manager, open, useBroker } from './harness.ts'
import { setUpRedrive } from './redrive-harness.ts'

const broker = useBroker()
const NAME = 'bot_to-bot'
const WATCHDOG = { lookMs: 50, idleLookMs: 50, noteEveryMs: 50 }

/** An app that handles `to-bot`, and another tool's hands on its consumer. */
async function setUp() {
  const made = await setUpRedrive(broker.current)
  const { connection, jsm, publisher, toBot, stream } = made
  const admin = await manager(await open(broker.current))
  const handled: string[] = []
  let handle: () => Promise<void> | void = () => undefined
  const start = (options: Partial<SubscriberOptions> = {}) =>
    made.app(
      'bot',
      async ({ message }) => {
        await handle()
        handled.push(message)
      },
      { watchdog: WATCHDOG, ...options },
    )
  const publish = async (...messages: string[]) => {
    for (const message of messages) {
      await publisher.publish(toBot, { message })
      published.add(message)
    }
  }
  const info = () => jsm.consumers.info(stream.name, NAME)
  const published = new Set<string>()
  // The server counts what waits a moment after it stored it, so its count alone does not tell.
  const settled = () =>
    waitFor(async () => {
      const { num_pending, num_ack_pending } = await info()
      return [...published].every((one) => handled.includes(one)) && num_pending === 0 && num_ack_pending === 0
    })
  const looks = async (count: number) => {
    let seen = 0
    const onLook = ({ consumer }: { readonly consumer: string }) => void (consumer === NAME && seen++)
    connection.events.on('consumerMeasured', onLook)
    await waitFor(() => seen >= count, { deadlineMs: 30_000 })
    connection.events.off('consumerMeasured', onLook)
  }
  /** What an operator does who makes the consumer once more. */
  const makeAgain = async (beginning: Partial<ConsumerConfig>, metadata: boolean) => {
    const { config } = await admin.consumers.info(stream.name, NAME)
    const { deliver_policy: _, opt_start_seq: __, opt_start_time: ___, ...rest } = config
    await admin.consumers.delete(stream.name, NAME)
    const kept = metadata ? (config.metadata ?? {}) : {}
    await admin.consumers.add(stream.name, { ...rest, metadata: kept, ...beginning })
  }
  const said = (event: string) => connection.logs.lines.filter(({ fields }) => fields['event'] === event)
  const slowly = (act: () => Promise<void> | void) => (handle = act)
  return { ...made, admin, handled, start, publish, info, settled, looks, makeAgain, said, slowly }
}

const range = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}-${i}`)

type Made = Awaited<ReturnType<typeof setUp>>

const MOVES: readonly (readonly [string, (made: Made) => Promise<unknown>])[] = [
  ['made again with deliver new', ({ makeAgain }) => makeAgain({ deliver_policy: DeliverPolicy.New }, false)],
  ['the same with its metadata', ({ makeAgain }) => makeAgain({ deliver_policy: DeliverPolicy.New }, true)],
  [
    'made again with a later start',
    ({ makeAgain }) => makeAgain({ deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: 14 }, true),
  ],
  ['reset forward', ({ jsm, stream }) => jsm.consumers.reset(stream.name, NAME, 14)],
]

describe.each(MOVES)('a consumer that another tool has moved on: %s', (_, move) => {
  test.each(['pull', 'push'] as const)(
    'while the app pauses: what waited is handled, and it is said (%s)',
    async (mode) => {
      const made = await setUp()
      const { start, publish, handled, settled, looks, said, connection } = made
      const app = await start({ mode })
      await publish(...range('before', 5))
      await settled()
      const resume = app.pause('a test')
      await connection.client.flush()
      await publish(...range('waits', 10))
      await looks(3)
      await move(made)
      await looks(3)
      resume()
      await publish('last')
      await waitFor(() => new Set(handled).size === 16, { deadlineMs: 20_000 })
      await settled()
      await looks(10)
      expect(said('consumerMoved')).toHaveLength(1)
      expect(said('consumerMoved')[0]).toMatchObject({ level: 'error', fields: { consumer: NAME, from: 6 } })
      // What was settled is not handled again.
      expect(handled).toHaveLength(16)
    },
  )

  test.each([0, 5])('while the app is stopped, %i messages after it was made', async (count) => {
    const made = await setUp()
    const { start, publish, handled, settled, looks, said } = made
    const app = await start()
    await publish(...range('before', count))
    await settled()
    await looks(3)
    await app.stop(5_000)
    await publish(...range('waits', 20 - count))
    await move(made)
    await start()
    await publish('last')
    await waitFor(() => new Set(handled).size === 21, { deadlineMs: 20_000 })
    await settled()
    await looks(10)
    expect(said('consumerMoved')).toHaveLength(1)
    expect(handled).toHaveLength(21)
  })

  test('under load', async () => {
    const made = await setUp()
    const { start, publish, handled, settled, looks, said, slowly } = made
    let release = (): void => undefined
    const gate = new Promise<void>((resolve) => (release = resolve))
    slowly(() => (handled.length < 8 ? undefined : gate))
    await start({ concurrency: 2 })
    await publish(...range('m', 40))
    await waitFor(() => handled.length >= 8)
    await looks(3)
    await move(made)
    release()
    await publish('last')
    await waitFor(() => new Set(handled).size === 41, { deadlineMs: 20_000 })
    await settled()
    await looks(10)
    expect(said('consumerMoved').length).toBe(1)
  })

  test('two instances: all is handled, and neither goes back again and again', async () => {
    const made = await setUp()
    const { start, publish, handled, settled, looks, said, slowly } = made
    let release = (): void => undefined
    const gate = new Promise<void>((resolve) => (release = resolve))
    slowly(() => (handled.length < 8 ? undefined : gate))
    await start({ concurrency: 2 })
    await start({ concurrency: 2 })
    await publish(...range('m', 40))
    await waitFor(() => handled.length >= 8)
    await looks(6)
    await move(made)
    release()
    await publish('last')
    await waitFor(() => new Set(handled).size === 41, { deadlineMs: 20_000 })
    await settled()
    const times = said('consumerMoved').length
    expect(times).toBeGreaterThan(0)
    // Both may have found it out at the same time.
    expect(times).toBeLessThanOrEqual(2)
    await publish(...range('n', 40))
    await settled()
    await looks(20)
    expect(said('consumerMoved').length).toBe(times)
  })
})

test.each([
  ['once it can', (): Promise<unknown> => Promise.resolve()],
  [
    'once an administrator has deleted the consumer',
    ({ admin, stream }: Made): Promise<unknown> => admin.consumers.delete(stream.name, NAME),
  ],
] as const)(
  'what cannot be gone back to is said with its range and the way out, and is handled %s',
  async (how, mend) => {
    const made = await setUp()
    const { start, publish, handled, settled, looks, said, connection, makeAgain } = made
    const app = await start()
    await publish(...range('before', 5))
    await settled()
    const resume = app.pause('a test')
    await connection.client.flush()
    await publish(...range('waits', 10))
    await looks(3)
    const { client } = connection
    const request = client.request.bind(client)
    let refused = false
    client.request = (subject, ...rest) =>
      refused && /^\$JS\.API\.CONSUMER\.(RESET|DELETE)\./.test(subject)
        ? Promise.reject(new Error('Permissions Violation for Publish'))
        : request(subject, ...rest)
    refused = true
    await makeAgain({ deliver_policy: DeliverPolicy.New }, false)
    const check = () => app.checks().find(({ name }) => name === `watchdog:passed_over:${NAME}`)
    await waitFor(check)
    expect(check()).toMatchObject({
      ok: true,
      warning: true,
      detail: expect.stringMatching(/between 6 and 15 .*delete the consumer/),
    })
    expect(said('messagesPassedOver')).toMatchObject([{ level: 'error', fields: { consumer: NAME, from: 6, to: 15 } }])
    // Not only what was seen last counts.
    await looks(5)
    refused = how !== 'once it can'
    await mend(made)
    resume()
    await waitFor(() => new Set(handled).size === 15)
    await waitFor(() => check() === undefined)
    expect(said('messagesPassedOver')).toHaveLength(1)
  },
)

test('a consumer that is reset backwards is left there', async () => {
  const { start, publish, handled, settled, looks, said, jsm, stream } = await setUp()
  await start()
  await publish(...range('m', 20))
  await settled()
  await looks(3)
  await jsm.consumers.reset(stream.name, NAME, 11)
  await waitFor(() => handled.length === 30)
  await settled()
  await looks(10)
  expect(handled).toHaveLength(30)
  expect([said('consumerMoved'), said('messagesPassedOver')]).toEqual([[], []])
})

test('a purge moves the consumer, and is no reason to go back', async () => {
  const { start, publish, handled, settled, looks, said, jsm, stream, toBot, connection } = await setUp()
  const app = await start()
  await publish(...range('before', 5))
  await settled()
  const resume = app.pause('a test')
  await connection.client.flush()
  await publish(...range('waits', 10))
  await looks(3)
  await jsm.streams.purge(stream.name, { filter: toBot.subject })
  await looks(5)
  resume()
  await publish('last')
  await waitFor(() => handled.includes('last'))
  await looks(5)
  expect(handled).toHaveLength(6)
  expect(said('consumerMoved')).toEqual([])
})

test('the way to skip messages: stop the app, delete the consumer, start with startAt', async () => {
  const { start, publish, handled, settled, looks, said, jsm, stream } = await setUp()
  const app = await start()
  await publish(...range('before', 5))
  await settled()
  await looks(3)
  await app.stop(5_000)
  await publish(...range('skipped', 10))
  await jsm.consumers.delete(stream.name, NAME)
  const second = await start({ startAt: 'new' })
  await publish('after')
  await waitFor(() => handled.includes('after'))
  await looks(3)
  await second.stop(5_000)
  await start({ startAt: 'new' })
  await publish('last')
  await waitFor(() => handled.includes('last'))
  await looks(5)
  expect(handled).toEqual([...range('before', 5), 'after', 'last'])
  expect(said('consumerMoved')).toEqual([])
})

test('a consumer that is deleted and made by another instance after what that one saw settled is not moved back', async () => {
  const { start, publish, handled, settled, looks, said, jsm, stream } = await setUp()
  // Looks seldom, so it knows less than the other one.
  await start({ watchdog: { ...WATCHDOG, lookMs: 60_000, idleLookMs: 60_000 } })
  await start()
  await publish(...range('m', 20))
  await settled()
  await looks(3)
  await jsm.consumers.delete(stream.name, NAME)
  await publish('last')
  await waitFor(() => handled.includes('last'), { deadlineMs: 20_000 })
  await looks(5)
  expect(said('consumerMoved')).toEqual([])
})
