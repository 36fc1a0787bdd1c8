import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { AckPolicy, DeliverPolicy, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { applyStreams } from '../src/index.ts'
import type { Plan } from '../src/plan/plan.ts'
import { applyDeclared, authOf, startBroker, type TestBroker } from './harness.ts'
import { opsOf } from './in-process.ts'
import { repeated, startConsumer, startPublisher } from './traffic.ts'

const STREAM = 'BASQUIAT_STREAM'
const CONSUMER = 'alarm-consumer_alarm-to-bot'
const NAME = `${STREAM}/${CONSUMER}`

let broker: TestBroker
let manager: JetStreamManager
let migrator: JetStreamManager

beforeEach(async () => {
  broker = await startBroker()
  manager = await jetstreamManager(await broker.raw('admin'))
  migrator = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  await applyStreams({ servers: [broker.server.url], auth: authOf('admin'), streams: contracts.streams })
})
afterEach(() => broker[Symbol.asyncDispose]())

const move = (...flags: string[]) => opsOf(broker, {}, 'apply', '--yes', '--allow-destroy', '--destroy', NAME, ...flags)
const consumers = async () =>
  (await manager.consumers.list(STREAM).next()).map(({ name }) => name).filter((name) => name.startsWith(CONSUMER))

test('from pull to push with a publisher and the consumer going: nothing lost, nothing handled twice', async () => {
  await applyDeclared(broker, {}, ['alarm-consumer'])
  const publisher = startPublisher(broker, alarmToBot)
  const before = startConsumer(broker, 'alarm-consumer', [alarmToBot])
  await waitFor(() => before.handled.length > 50)

  const planned = JSON.parse((await opsOf(broker, {}, 'plan', '--mode', 'push', '--json')).out) as Plan
  expect(planned.changes.filter(({ action }) => action === 'move')).toEqual([
    {
      action: 'move',
      stream: STREAM,
      consumer: CONSUMER,
      fields: [
        { field: 'deliver_subject', before: null, after: `_INBOX_alarm-consumer.push.${CONSUMER}` },
        { field: 'deliver_group', before: null, after: CONSUMER },
        { field: 'max_ack_pending', before: expect.any(Number), after: 16 },
      ],
    },
  ])
  const unsaid = await opsOf(broker, {}, 'apply', '--yes', '--mode', 'push')
  expect(unsaid.err).toContain(`it needs --allow-destroy --destroy ${NAME}`)
  expect(await move('--mode', 'push')).toMatchObject({ code: 0, out: expect.stringContaining(`${NAME}: moved\n`) })
  expect(await consumers()).toEqual([CONSUMER])

  // The release with MODE=push comes after it; until then the old one is not ready, and takes nothing.
  await before.stop()
  const after = startConsumer(broker, 'alarm-consumer', [alarmToBot], { mode: 'push' })
  await waitFor(() => after.handled.length > 50)
  await publisher.stop()
  const handled = () => [...before.handled, ...after.handled]
  await waitFor(() => handled().length >= publisher.stored.length)
  await after.stop()
  expect(repeated(handled())).toEqual([])
  expect(handled().sort()).toEqual(publisher.stored.toSorted())
  expect(before.handled.length).toBeLessThan(publisher.stored.length)
  for (const { logs } of [before, after])
    expect(logs.lines.filter(({ fields }) => String(fields['event']).startsWith('messagesM'))).toEqual([])
  expect((await opsOf(broker, {}, 'plan', '--mode', 'push')).code).toBe(0)
})

test('a message that is not settled in time: nothing is moved, and the consumer goes on as before', async () => {
  await migrator.consumers.add(STREAM, {
    durable_name: CONSUMER,
    ack_policy: AckPolicy.Explicit,
    filter_subject: 'alarm.to.bot',
    max_ack_pending: 17,
  })
  const producer = await broker.raw('producer')
  await producer.request('alarm.to.bot', '{"message":"held"}')
  const app = await broker.raw('alarm-consumer')
  await app.request(`$JS.API.CONSUMER.MSG.NEXT.${STREAM}.${CONSUMER}`, '{"batch":1}', {
    timeout: 5_000,
    noMux: true,
  })
  const { code, err } = await move('--mode', 'push', '--settle-ms', '1200')
  expect(code).toBe(1)
  expect(err).toContain(`${CONSUMER} of ${STREAM} still has 1 messages that are with a handler or wait for a retry`)
  const info = await manager.consumers.info(STREAM, CONSUMER)
  expect(info).toMatchObject({ num_ack_pending: 1, config: { max_ack_pending: 17 } })
  expect(info.paused ?? false).toBe(false)
  expect(info.config.deliver_subject).toBeUndefined()
})

test('a move that was cut off between the end of one and the beginning of the other goes on', async () => {
  // As it is left then: the position is held beside it, and the consumer is gone.
  await migrator.consumers.add(STREAM, {
    durable_name: `${CONSUMER}_moving`,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: 8,
    metadata: {
      'alarm-bus.moves': JSON.stringify({
        name: CONSUMER,
        durable_name: CONSUMER,
        ack_policy: 'explicit',
        filter_subject: 'alarm.to.bot',
        deliver_policy: 'by_start_sequence',
        opt_start_seq: 8,
        deliver_subject: `_INBOX_alarm-consumer.push.${CONSUMER}`,
        deliver_group: CONSUMER,
      }),
    },
  })
  expect((await opsOf(broker, {}, 'plan')).out).toContain(`${NAME}: move`)
  expect((await move()).code).toBe(0)
  expect(await consumers()).toEqual([CONSUMER])
  const { config } = await manager.consumers.info(STREAM, CONSUMER)
  expect(config).toMatchObject({ opt_start_seq: 8, deliver_group: CONSUMER })
})
