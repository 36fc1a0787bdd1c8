import { type ConsumerConfig, jetstream } from '@nats-io/jetstream'
import { describe, expect, test } from 'vitest'
import { noted } from '../src/consumers/note-record.ts'
import { deadLetterStreamName } from '../src/admin.ts'
import { createSubscriber, defineHandler, type KitEventMap, type SubscriberOptions } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { countMessages, manager, onEnd, open, openWithStreams, startBroker, useBroker } from './harness.ts'

const broker = useBroker()
const NAME = 'app_to-bot'

/** An app that handles `to-bot`, and an operator's hands on its consumer. */
async function setUp() {
  const made = await openWithStreams(broker.current)
  const { connection, contracts, toBot, stream } = made
  const jsm = await manager(connection)
  const handled: string[] = []
  const missed: KitEventMap['messagesMissed'][] = []
  connection.events.on('messagesMissed', (event) => missed.push(event))
  const start = async (
    options: Partial<SubscriberOptions> = {},
    handle: () => Promise<void> | void = () => undefined,
  ) => {
    const subscriber = createSubscriber(connection, {
      contracts,
      app: 'app',
      handlers: [
        defineHandler(toBot, async ({ message }) => {
          handled.push(message)
          await handle()
        }),
      ],
      ackWaitMs: 1_000,
      watchdog: { lookMs: 50, idleLookMs: 100 },
      ...options,
    })
    onEnd(() => subscriber.stop(2_000))
    subscriber.start()
    await waitFor(() => subscriber.checks().every(({ ok }) => ok))
    return subscriber
  }
  const publish = async (channel: { readonly subject: string }, ...messages: string[]) => {
    for (const message of messages)
      await jetstream(connection.client).publish(channel.subject, JSON.stringify({ message }))
  }
  const info = () => jsm.consumers.info(stream.name, NAME)
  const edit = (config: Partial<ConsumerConfig>) => jsm.consumers.update(stream.name, NAME, config)
  const said = (event: string) => connection.logs.lines.filter(({ fields }) => fields['event'] === event)
  return { ...made, jsm, handled, missed, start, publish, info, edit, said }
}

const range = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}-${i}`)

describe('a field that another tool sets on a running consumer', () => {
  test.each([
    ['headers_only', { headers_only: true }],
    ['backoff', { backoff: [60_000_000_000, 60_000_000_000] }],
    ['max_batch', { max_batch: 1 }],
    ['max_bytes', { max_bytes: 1 }],
    ['max_expires', { max_expires: 1_000_000_000 }],
    ['sample_freq', { sample_freq: '100' }],
    ['ack_wait', { ack_wait: 77_000_000_000 }],
    ['max_deliver', { max_deliver: 2 }],
    ['max_ack_pending', { max_ack_pending: 7 }],
    ['inactive_threshold', { inactive_threshold: 3_600_000_000_000 }],
  ] as const)('%s is put right, and said once with what it was', async (field, config) => {
    const { start, publish, toBot, info, edit, said, handled } = await setUp()
    await start()
    const before = (await info()).config
    await edit(config as Partial<ConsumerConfig>)
    await waitFor(() => said('consumerRepaired').length === 1)
    expect((await info()).config[field]).toEqual(before[field])
    expect(said('consumerRepaired')[0]?.fields['changes']).toContainEqual(expect.stringMatching(`^${field}: .* → `))
    await publish(toBot, 'after')
    await waitFor(() => handled.includes('after'))
    expect(said('consumerRepaired')).toHaveLength(1)
  })

  test('headers_only: what was delivered without its body is no dead letter, and is handled with it', async () => {
    const { start, publish, toBot, edit, handled, connection, stream } = await setUp()
    await start({ watchdog: { lookMs: 60_000, idleLookMs: 60_000 } })
    await edit({ headers_only: true })
    await publish(toBot, ...range('m', 5))
    await waitFor(() => new Set(handled).size === 5)
    expect(await countMessages(connection, deadLetterStreamName(stream.name))).toBe(0)
  })

  test('a restart puts right what was set while nothing ran', async () => {
    const { start, publish, toBot, info, edit, handled, connection, stream } = await setUp()
    await (await start()).stop(2_000)
    await edit({ headers_only: true, max_batch: 1, sample_freq: '50', backoff: [1_000_000_000] })
    await publish(toBot, 'waited')
    await start()
    await waitFor(() => handled.includes('waited'))
    expect((await info()).config).not.toMatchObject({ headers_only: true })
    for (const field of ['headers_only', 'max_batch', 'sample_freq', 'backoff'] as const)
      expect((await info()).config[field]).toBeUndefined()
    expect(await countMessages(connection, deadLetterStreamName(stream.name))).toBe(0)
  })

  test('two instances with other settings do not overwrite each other for ever', async () => {
    const { start, info, said, connection } = await setUp()
    const first = await start({ ackWaitMs: 1_000 })
    const second = await start({ ackWaitMs: 2_000 })
    const updates = said('consumerUpdated').length
    let looks = 0
    connection.events.on('consumerMeasured', () => looks++)
    await waitFor(() => looks > 10)
    expect((await info()).config.ack_wait).toBe(2_000_000_000)
    expect(said('consumerUpdated').length).toBe(updates)
    expect(said('consumerRepaired')).toEqual([])
    // The first one says what it found.
    await waitFor(() => first.checks().find(({ name }) => name === `watchdog:consumer_differs:${NAME}`))
    expect(second.checks().map(({ name }) => name)).not.toContain(`watchdog:consumer_differs:${NAME}`)
  })

  test('a consumer that another tool recreates with what cannot be changed: a warning that says so', async () => {
    const { start, info, jsm, stream, toBot, publish, handled } = await setUp()
    await (await start()).stop(2_000)
    const { config } = await info()
    await jsm.consumers.delete(stream.name, NAME)
    await jsm.consumers.add(stream.name, { ...config, replay_policy: 'original' })
    const subscriber = await start()
    await publish(toBot, 'one')
    await waitFor(() => handled.includes('one'))
    await waitFor(() => subscriber.checks().find(({ name }) => name === `watchdog:consumer_differs:${NAME}`))
    expect(subscriber.checks().find(({ name }) => name === `watchdog:consumer_differs:${NAME}`)).toMatchObject({
      ok: true,
      warning: true,
      detail: expect.stringContaining('replay_policy'),
    })
  })
})

describe.each(['pull', 'push'] as const)('a filter that is edited on the broker (%s)', (mode) => {
  test.each([
    ['to another channel', (made: Awaited<ReturnType<typeof setUp>>) => made.toLog.subject],
    ['to nothing that is there', () => 'nothing.at.all.here'],
  ] as const)('%s, while the app runs: nothing is passed over, nothing of others is handled', async (_, filterOf) => {
    const made = await setUp()
    const { start, publish, toBot, toLog, edit, info, handled, said, connection, stream, missed } = made
    // Looked at seldom, so that much passes before it is found out.
    await start({ mode, concurrency: 4, watchdog: { lookMs: 500, idleLookMs: 500 } })
    await publish(toBot, ...range('before', 20))
    await waitFor(() => handled.length === 20)
    const wrong = filterOf(made)
    await edit({ filter_subject: wrong === 'nothing.at.all.here' ? `${toBot.subject}.nothing` : wrong })
    for (let i = 0; i < 50; i++) {
      await publish(toBot, `during-${i}`)
      await publish(toLog, `other-${i}`)
    }
    await waitFor(async () => (await info()).config.filter_subject === toBot.subject, { deadlineMs: 20_000 })
    await publish(toBot, ...range('after', 5))
    await waitFor(() => new Set(handled).size === 75, { deadlineMs: 20_000 })
    expect(handled.filter((id) => id.startsWith('other'))).toEqual([])
    expect(await countMessages(connection, deadLetterStreamName(stream.name))).toBe(0)
    expect(missed).toEqual([])
    expect(said('filterRepaired')[0]).toMatchObject({
      level: 'error',
      fields: { consumer: NAME, from: expect.any(Number), to: expect.any(Number), messages: expect.any(Number) },
    })
  })

  test('and the app is restarted before it looked: what was passed over is handled all the same', async () => {
    const { start, publish, toBot, toLog, edit, handled, said, info, stream, connection } = await setUp()
    const seldom = { mode, watchdog: { lookMs: 50, idleLookMs: 50, noteEveryMs: 50 } }
    const first = await start(seldom)
    await publish(toBot, ...range('before', 10))
    await waitFor(() => handled.length === 10)
    await waitFor(async () => (await noted(connection, await info())).notes['alarm-bus.position'] !== undefined)
    await first.stop(2_000)
    await edit({ filter_subject: toLog.subject })
    await publish(toBot, ...range('during', 10))
    await publish(toLog, ...range('other', 10))
    // Another tool reads on, with the filter as it is now.
    if (mode === 'pull') {
      const consumer = await jetstream((await open(broker.current)).client).consumers.get(stream.name, NAME)
      for await (const message of await consumer.fetch({ max_messages: 10, expires: 2_000 })) message.ack()
    }
    await start({ mode })
    await waitFor(() => new Set(handled).size === 20, { deadlineMs: 20_000 })
    expect(handled.filter((id) => id.startsWith('other'))).toEqual([])
    expect(said('filterRepaired')).toHaveLength(1)
  })
})

test('what was passed over and cannot be recovered is said with its range and the way out, and is handled once it can', async () => {
  const { start, publish, toBot, toLog, edit, handled, said, connection } = await setUp()
  const subscriber = await start()
  await publish(toBot, ...range('before', 3))
  await waitFor(() => handled.length === 3)
  const { client } = connection
  const request = client.request.bind(client)
  let refused = true
  client.request = (subject, ...rest) =>
    refused && subject.startsWith('$JS.API.CONSUMER.RESET.')
      ? Promise.reject(new Error('Permissions Violation for Publish'))
      : request(subject, ...rest)
  await edit({ filter_subject: toLog.subject })
  await publish(toBot, ...range('during', 10))
  await publish(toLog, ...range('other', 3))
  const check = () => subscriber.checks().find(({ name }) => name === `watchdog:passed_over:${NAME}`)
  await waitFor(check)
  expect(check()).toMatchObject({
    ok: true,
    warning: true,
    detail: expect.stringMatching(/between \d+ and \d+ .*RESET/),
  })
  const fields = { consumer: NAME, from: expect.any(Number), to: expect.any(Number) }
  expect(said('messagesPassedOver')).toMatchObject([{ level: 'error', fields }])
  refused = false
  await waitFor(() => new Set(handled).size === 13)
  await waitFor(() => check() === undefined)
  expect(said('messagesPassedOver')).toHaveLength(1)
})

test.each([
  ['consumer_unfit', { headers_only: true }, false],
  ['consumer_differs', { backoff: [60_000_000_000] }, true],
] as const)(
  'what cannot be put right is in health, said once, and is over when it can (%s)',
  async (condition, config, ok) => {
    const { start, publish, toBot, handled, said, connection, stream } = await setUp()
    const subscriber = await start()
    const { client } = connection
    const request = client.request.bind(client)
    let refused = true
    client.request = (subject, ...rest) =>
      refused && subject.startsWith(`$JS.API.CONSUMER.CREATE.${stream.name}.${NAME}`)
        ? Promise.reject(new Error('Permissions Violation for Publish'))
        : request(subject, ...rest)
    // The operator's own connection is not refused.
    const operator = await manager(await open(broker.current))
    await operator.consumers.update(stream.name, NAME, config as never)
    const check = () => subscriber.checks().find(({ name }) => name === `watchdog:${condition}:${NAME}`)
    await waitFor(check)
    expect(check()).toMatchObject({ ok, detail: expect.stringContaining(Object.keys(config)[0] as string) })
    await publish(toBot, 'one')
    let looks = 0
    connection.events.on('consumerMeasured', () => looks++)
    const startedAt = performance.now()
    await waitFor(() => looks > 10 || performance.now() - startedAt > 2_000)
    expect(said('watchdogChanged').filter(({ fields }) => fields['condition'] === condition)).toHaveLength(1)
    refused = false
    await waitFor(() => check() === undefined && handled.includes('one'))
    expect(await countMessages(connection, deadLetterStreamName(stream.name))).toBe(0)
  },
)

test('what an account’s limits put on every consumer is not another tool’s, and is left as it is', async () => {
  const limited = await startBroker({ configText: 'jetstream { max_file: 1TB, limits { max_request_batch: 100 } }' })
  const { connection, contracts, toBot, stream } = await openWithStreams(limited)
  const subscriber = createSubscriber(connection, {
    contracts,
    app: 'app',
    watchdog: { lookMs: 50, idleLookMs: 50 },
    handlers: [defineHandler(toBot, () => undefined)],
  })
  onEnd(() => subscriber.stop(1_000))
  let looks = 0
  connection.events.on('consumerMeasured', ({ consumer }) => (looks += consumer === 'app_to-bot' ? 1 : 0))
  subscriber.start()
  await waitFor(() => subscriber.checks().every(({ ok }) => ok))
  await waitFor(() => looks >= 5)
  expect((await (await manager(connection)).consumers.info(stream.name, 'app_to-bot')).config.max_batch).toBe(100)
  const said = connection.logs.lines.filter(({ fields }) => /consumer(Repaired|Updated)/.test(String(fields['event'])))
  expect([said, subscriber.checks().filter(({ warning }) => warning)]).toEqual([[], []])
})
