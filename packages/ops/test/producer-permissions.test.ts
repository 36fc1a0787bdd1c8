import { alarmToBot, alarmToLog, contracts } from '@alarm-bus/contracts'
import {
  createCorePublisher,
  createJetStreamPublisher,
  ensureStreams,
  KitError,
  withIdempotency,
} from '@alarm-bus/nats-kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { applyStreams } from '../src/index.ts'
import { authOf, startBroker, type TestBroker } from './harness.ts'
import {
  allOf,
  type Attempt,
  consumerPowers,
  consumerSubjects,
  refused,
  STREAM_NAMES,
  STREAM_POWERS,
} from './permissions.ts'

let broker: TestBroker

beforeAll(async () => {
  broker = await startBroker()
  await applyStreams({ servers: [broker.server.url], auth: authOf('admin'), streams: contracts.streams })
})
afterAll(() => broker[Symbol.asyncDispose]())

describe('the producer’s user', () => {
  test('publishes on every channel through the kit, holds ids to one message, and verifies the streams', async () => {
    const connection = await broker.kit('producer')
    const trouble: unknown[] = []
    connection.events.on('errorOccurred', (detail) => trouble.push(detail))
    const plain = createJetStreamPublisher(connection, { contracts })
    const publisher = withIdempotency(plain, connection, { contracts })
    const core = createCorePublisher(connection, { contracts })

    const first = await publisher.publish(alarmToBot, { message: 'disk full' }, { id: 'order-1', ttlSeconds: 60 })
    expect(first).toMatchObject({ stream: 'BASQUIAT_STREAM', duplicate: false })
    expect(await publisher.publish(alarmToBot, { message: 'disk full' }, { id: 'order-1', ttlSeconds: 60 })).toEqual({
      ...first,
      duplicate: true,
    })
    // The look at the claim that is there is a right of its own.
    const conflict = await publisher
      .publish(alarmToBot, { message: 'another' }, { id: 'order-1' })
      .catch((error: unknown) => error)
    expect(KitError.from(conflict).code).toBe('idempotency_conflict')
    expect(await publisher.publish(alarmToLog, { message: 'written', extra: 'down' })).toMatchObject({
      duplicate: false,
    })
    await core.publish(alarmToBot, { message: 'at most once' })
    await core.publish(alarmToLog, { message: 'at most once' })

    const plans = await ensureStreams(connection, contracts.streams, { mode: 'verify' })
    expect(plans.map(({ stream, action }) => `${stream} ${action}`)).toEqual(
      STREAM_NAMES.map((stream) => `${stream} none`),
    )
    await publisher.close()
    await connection.client.flush()
    expect(trouble).toEqual([])
  })

  test('cannot read: no subscription, no consumer, no message of a stream', async () => {
    const attempts: readonly Attempt[] = [
      { subscribe: '>' },
      { subscribe: 'alarm.>' },
      { subscribe: 'alarm.to.bot' },
      { subscribe: 'core.alarm.>' },
      { subscribe: 'dead-letter.>' },
      { subscribe: '$JS.EVENT.ADVISORY.>' },
      { subscribe: '_INBOX.>' },
      { subscribe: '_INBOX_alarm-consumer.>' },
      { subscribe: '_INBOX_admin.>' },
      { subscribe: '*.pull.>' },
      ...consumerSubjects('producer_alarm-to-bot', 'alarm.to.bot'),
      ...consumerSubjects('alarm-consumer_alarm-to-bot', 'alarm.to.bot'),
      ...consumerPowers('alarm-consumer_alarm-to-bot'),
      { publish: '$JS.API.DIRECT.GET.BASQUIAT_STREAM' },
      { publish: '$JS.API.DIRECT.GET.BASQUIAT_STREAM.alarm.to.bot' },
      { publish: '$JS.API.DIRECT.GET.BASQUIAT_STREAM_IDEMPOTENCY' },
    ]
    expect(await refused(await broker.raw('producer'), '_INBOX_producer', attempts)).toEqual(allOf(attempts))
  })

  test('cannot administer', async () => {
    const attempts: readonly Attempt[] = [
      ...STREAM_POWERS,
      { publish: '$JS.API.INFO' },
      { publish: '$JS.API.STREAM.LIST' },
      { publish: '$JS.API.STREAM.NAMES' },
      { publish: '$JS.API.STREAM.INFO.ANOTHER' },
      { publish: '$SYS.REQ.SERVER.PING' },
      { publish: 'alarm.to.nobody' },
      { publish: 'dead-letter.BASQUIAT_STREAM.alarm-consumer_alarm-to-bot.1.1' },
    ]
    expect(await refused(await broker.raw('producer'), '_INBOX_producer', attempts)).toEqual(allOf(attempts))
  })

  test('may do what the attempts above are measured against', async () => {
    const allowed: readonly Attempt[] = [
      { publish: 'core.alarm.to.bot' },
      { publish: '$JS.API.STREAM.INFO.BASQUIAT_STREAM' },
      { subscribe: '_INBOX_producer.>' },
    ]
    expect(await refused(await broker.raw('producer'), '_INBOX_producer', allowed)).toEqual([])
  })
})
