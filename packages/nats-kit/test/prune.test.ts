import { AckPolicy, type ConsumerConfig, type ConsumerInfo } from '@nats-io/jetstream'
import { expect, test } from 'vitest'
import { orphanOf } from '../src/consumers/find-orphans.ts'
import { createSubscriber, defineHandler } from '../src/index.ts'
import { findOrphans, OrphanReason, pruneConsumers } from '../src/admin.ts'
import { waitFor } from '../src/testing.ts'
import { manager, onEnd, openWithStreams, useBroker } from './harness.ts'

const broker = useBroker()

async function setUp(app = 'app') {
  const made = await openWithStreams(broker.current)
  const { connection, contracts, toBot, stream } = made
  const jsm = await manager(connection)
  const start = () => {
    const subscriber = createSubscriber(connection, {
      contracts,
      app,
      handlers: [defineHandler(toBot, () => undefined)],
    })
    onEnd(() => subscriber.stop(2_000))
    subscriber.start()
    return subscriber
  }
  const running = async () => {
    const subscriber = start()
    await waitFor(() => subscriber.checks().every(({ ok }) => ok))
    await waitFor(async () => (await jsm.consumers.info(stream.name, `${app}_to-bot`)).num_waiting > 0)
    return subscriber
  }
  return { ...made, jsm, start, running, name: stream.name }
}

const MINUTES = 60_000
/** A consumer's info as the broker gives it, last active so long ago. */
function info(idleMs: number, changes: Partial<ConsumerInfo> = {}, app = 'app'): ConsumerInfo {
  const now = Date.parse('2026-01-01T00:00:00Z')
  const last_active = new Date(now - idleMs).toISOString()
  return {
    stream_name: 'S',
    name: 'c',
    ts: new Date(now).toISOString(),
    created: new Date(now - 1_000 * MINUTES).toISOString(),
    delivered: { consumer_seq: 1, stream_seq: 1, last_active },
    ack_floor: { consumer_seq: 1, stream_seq: 1 },
    num_waiting: 0,
    num_pending: 0,
    num_ack_pending: 0,
    config: { metadata: { 'alarm-bus.made-by': 'nats-kit', 'alarm-bus.app': app } },
    ...changes,
  } as unknown as ConsumerInfo
}

test('the kit’s consumers carry their owner, and one without the tag is left as it is', async () => {
  const { start, jsm, name, connection, toBot } = await setUp()
  const old: Partial<ConsumerConfig> = {
    durable_name: 'app_to-bot',
    filter_subject: toBot.subject,
    ack_policy: AckPolicy.Explicit,
    max_deliver: -1,
    max_ack_pending: 4_816,
  }
  await jsm.consumers.add(name, { ...old, metadata: { team: 'alarms' } })
  const subscriber = start()
  await waitFor(() => subscriber.checks().every(({ ok }) => ok))
  expect(connection.logs.lines.filter(({ fields }) => fields['event'] === 'consumerUpdated')).toEqual([])
  expect((await jsm.consumers.info(`${name}_REDRIVE`, 'app_to-bot_redrive')).config.metadata).toMatchObject({
    'alarm-bus.app': 'app',
    'alarm-bus.made-by': 'nats-kit',
  })
  await subscriber.stop(2_000)
  const { metadata } = (await jsm.consumers.info(name, 'app_to-bot')).config
  expect(metadata).toMatchObject({ team: 'alarms' })
  expect(metadata).not.toHaveProperty('alarm-bus.app')
})

test('an unknown app’s consumers are found on the stream and its companions, and kept while they are in use', async () => {
  const { running, connection, contracts, jsm, name } = await setUp()
  await running()
  expect(await findOrphans(connection, contracts, ['app'])).toEqual([])
  const orphans = await findOrphans(connection, contracts, ['other'])
  expect(orphans.map(({ consumer, reason, app, inUse }) => [consumer, reason, app, inUse]).sort()).toEqual(
    ['app_to-bot', 'app_to-bot_redrive'].map((consumer) => [consumer, OrphanReason.UnknownApp, 'app', true]),
  )
  for (const dryRun of [true, false]) {
    const pruned = await pruneConsumers(connection, contracts, ['other'], { dryRun, graceMs: 0 })
    expect(pruned.map((each) => each.action === 'kept' && each.because)).toEqual(['in use', 'in use'])
  }
  expect((await jsm.consumers.info(name, 'app_to-bot')).num_waiting).toBe(1)
})

test('an unused consumer is shown in a dry run and removed when asked; others stay', async () => {
  const { connection, contracts, jsm, name, toBot } = await setUp()
  const add = (consumer: string, app?: string) =>
    jsm.consumers.add(name, {
      durable_name: consumer,
      filter_subject: toBot.subject,
      ack_policy: AckPolicy.Explicit,
      ...(app === undefined ? {} : { metadata: { 'alarm-bus.app': app, 'alarm-bus.made-by': 'nats-kit' } }),
    })
  await add('gone_to-bot', 'gone')
  await add('app_to-bot', 'app')
  await add('by-hand')
  connection.client.publish(toBot.subject, '{}')
  await connection.client.flush()
  const actions = async (options: Parameters<typeof pruneConsumers>[3]) =>
    (await pruneConsumers(connection, contracts, ['app'], { graceMs: 0, ...options })).map(
      ({ consumer, action, unread }) => [consumer, action, unread],
    )
  expect((await actions({ dryRun: false, graceMs: 60_000 })).map(([, action]) => action)).toEqual(['kept', 'kept'])
  const dry = [
    ['by-hand', 'kept', 1],
    ['gone_to-bot', 'would be removed', 1],
  ]
  expect((await actions({})).sort()).toEqual(dry)
  expect((await actions({ dryRun: false })).sort()).toEqual([
    ['by-hand', 'kept', 1],
    ['gone_to-bot', 'removed', 1],
  ])
  expect(await actions({ dryRun: false, untagged: true })).toEqual([['by-hand', 'removed', 1]])
  expect(await actions({ idleMs: 1 })).toEqual([['app_to-bot', 'would be removed', 1]])
  const left = (await jsm.consumers.list(name).next()).map((each) => each.name)
  expect(left).toEqual(['app_to-bot'])
})

test('in use: asked, listened to, active a moment ago, or with deliveries that are not settled yet', () => {
  const inUse = (...given: Parameters<typeof info>) => orphanOf(info(...given), ['other'], {})?.inUse
  expect(inUse(5 * MINUTES)).toBe(false)
  expect(inUse(5 * MINUTES, { num_waiting: 1 })).toBe(true)
  expect(inUse(5 * MINUTES, { push_bound: true })).toBe(true)
  expect(inUse(1_000)).toBe(true)
  expect(inUse(5 * MINUTES, { num_ack_pending: 1 })).toBe(true)
  expect(inUse(90 * MINUTES, { num_ack_pending: 1 })).toBe(false)
})

test('a known app’s consumer is an orphan by idleness alone, and only when asked', () => {
  const reason = (idleMs: number, limitMs?: number) =>
    orphanOf(info(idleMs), ['app'], limitMs === undefined ? {} : { idleMs: limitMs })?.reason
  expect([reason(90 * MINUTES), reason(90 * MINUTES, 60 * MINUTES), reason(30 * MINUTES, 60 * MINUTES)]).toEqual([
    undefined,
    'idle',
    undefined,
  ])
  expect(orphanOf(info(90 * MINUTES, { config: {} as ConsumerInfo['config'] }), ['app'], {})?.reason).toBe('untagged')
})
