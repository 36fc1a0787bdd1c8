import { alarmToBot, alarmToLog, type Channel, contracts } from '@alarm-bus/contracts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { applyStreams } from '../src/index.ts'
import { authOf, startBroker, type TestBroker } from './harness.ts'
import {
  allOf,
  type Attempt,
  consumerPowers,
  consumerSubjects,
  INSTANCES,
  refused,
  STREAM_NAMES,
  STREAM_POWERS,
} from './permissions.ts'

type ConsumerApp = 'alarm-consumer' | 'log-consumer'

const HANDLES: Readonly<Record<ConsumerApp, readonly Channel[]>> = {
  'alarm-consumer': [alarmToBot],
  'log-consumer': [alarmToBot, alarmToLog],
}
const APPS = Object.keys(HANDLES) as ConsumerApp[]

let broker: TestBroker

/** A broker for each test: what one app may make would answer the other's questions. */
beforeEach(async () => {
  broker = await startBroker()
  await applyStreams({ servers: [broker.server.url], auth: authOf('admin'), streams: contracts.streams })
})
afterEach(() => broker[Symbol.asyncDispose]())

/** Every consumer of an app: for each channel the shared one, and those of the three instances. */
function consumersOf(app: ConsumerApp): readonly { readonly durable: string; readonly subject: string }[] {
  return HANDLES[app].flatMap(({ name, subject }) =>
    INSTANCES.map((instance) => ({ durable: `${app}_${name}${instance}`, subject })),
  )
}

describe.each(APPS)('the user of %s', (app) => {
  const inbox = `_INBOX_${app}`
  const other = APPS.find((name) => name !== app) as ConsumerApp

  test('may use each of its consumers, of all instances, and its own inbox', async () => {
    const allowed: readonly Attempt[] = [
      ...consumersOf(app).flatMap(({ durable, subject }) => consumerSubjects(durable, subject)),
      { subscribe: `${inbox}.>` },
      ...STREAM_NAMES.map((stream) => ({ publish: `$JS.API.STREAM.INFO.${stream}` })),
    ]
    expect(await refused(await broker.raw(app), inbox, allowed)).toEqual([])
  })

  test('cannot publish alarms, claims, or anything else', async () => {
    const attempts: readonly Attempt[] = [
      'alarm.to.bot',
      'alarm.to.log',
      'core.alarm.to.bot',
      'core.alarm.to.log',
      'idempotency.BASQUIAT_STREAM.abc',
      // Not even to itself: redriving is the admin's.
      `redrive.BASQUIAT_STREAM.${app}_alarm-to-bot.1.1.1`,
      `redrive.BASQUIAT_STREAM.${other}_alarm-to-bot.1.1.1`,
      `${inbox}.x`,
      `_INBOX_${other}.push.x`,
    ].map((publish) => ({ publish }))
    expect(await refused(await broker.raw(app), inbox, attempts)).toEqual(allOf(attempts))
  })

  test('cannot touch the other app’s consumers, one of a fourth instance, or what is beyond its own', async () => {
    const attempts: readonly Attempt[] = [
      ...consumersOf(other).flatMap(({ durable, subject }) => consumerSubjects(durable, subject)),
      ...consumersOf(other).flatMap(({ durable }) => consumerPowers(durable)),
      ...consumersOf(app).flatMap(({ durable }) => consumerPowers(durable)),
      ...consumerSubjects(`${app}_alarm-to-bot_3`, 'alarm.to.bot'),
      // Its own consumer, on another channel's messages or on all.
      ...['alarm.to.log', '>'].map((filter) => ({
        publish: `$JS.API.CONSUMER.CREATE.BASQUIAT_STREAM.${app}_alarm-to-bot.${filter}`,
      })),
      // Its own advisories' consumer, on everybody's advisories.
      { publish: `$JS.API.CONSUMER.CREATE.BASQUIAT_STREAM_ADVISORIES.${app}_alarm-to-bot_advisories.>` },
      // Its own reader of redriven messages, on everybody's.
      { publish: `$JS.API.CONSUMER.CREATE.BASQUIAT_STREAM_REDRIVE.${app}_alarm-to-bot_redrive.>` },
      {
        publish: `$JS.API.CONSUMER.CREATE.BASQUIAT_STREAM_REDRIVE.${app}_alarm-to-bot_redrive.redrive.BASQUIAT_STREAM.${other}_alarm-to-bot.>`,
      },
      // Its own consumer of the moment, on another channel.
      { publish: `$JS.API.CONSUMER.CREATE.BASQUIAT_STREAM.${app}_alarm-to-bot_recover.>` },
      // Its own name in another stream.
      { publish: `$JS.API.CONSUMER.CREATE.BASQUIAT_STREAM_DLQ.${app}_alarm-to-bot.dead-letter.>` },
    ]
    expect(await refused(await broker.raw(app), inbox, attempts)).toEqual(allOf(attempts))
  })

  test('cannot listen to another’s inbox, to the subjects themselves, or to the broker', async () => {
    const attempts: readonly Attempt[] = [
      '>',
      '*.>',
      '_INBOX.>',
      `_INBOX_${other}.>`,
      '_INBOX_producer.>',
      '_INBOX_admin.>',
      'alarm.to.bot',
      'alarm.>',
      'core.>',
      'dead-letter.>',
      'redrive.>',
      'idempotency.>',
      '$JS.EVENT.ADVISORY.>',
      '$JS.ACK.>',
      '$SYS.>',
    ].map((subscribe) => ({ subscribe }))
    expect(await refused(await broker.raw(app), inbox, attempts)).toEqual(allOf(attempts))
  })

  test('cannot administer, nor get messages past its consumers', async () => {
    const attempts: readonly Attempt[] = [
      ...STREAM_POWERS,
      ...[
        'INFO',
        'STREAM.LIST',
        'STREAM.NAMES',
        'DIRECT.GET.BASQUIAT_STREAM',
        'DIRECT.GET.BASQUIAT_STREAM_IDEMPOTENCY',
      ].map((verb) => ({ publish: `$JS.API.${verb}` })),
    ]
    expect(await refused(await broker.raw(app), inbox, attempts)).toEqual(allOf(attempts))
  })

  test('cannot say one thing in the subject and another in the request', async () => {
    const client = await broker.raw(app)
    const durable = `${app}_alarm-to-bot`
    const create = async (config: object): Promise<number> => {
      const request = {
        stream_name: 'BASQUIAT_STREAM',
        config: { name: durable, durable_name: durable, ack_policy: 'explicit', ...config },
      }
      const subject = `$JS.API.CONSUMER.CREATE.BASQUIAT_STREAM.${durable}.alarm.to.bot`
      return (
        (await client.request(subject, JSON.stringify(request))).json<{ error?: { err_code: number } }>().error
          ?.err_code ?? 0
      )
    }
    expect(await create({ filter_subject: 'alarm.to.log' })).toBe(10131)
    expect(await create({ filter_subjects: ['alarm.to.bot', 'alarm.to.log'] })).toBe(10137)
    expect(await create({ durable_name: `${other}_alarm-to-bot`, filter_subject: 'alarm.to.bot' })).toBe(10017)
    // A consumer that would deliver into the stream it reads.
    expect(await create({ filter_subject: 'alarm.to.bot', deliver_subject: 'alarm.to.bot' })).toBe(10081)
    // The name in the request alone is passed over: the subject's is the one that counts.
    expect(await create({ name: `${other}_alarm-to-bot`, filter_subject: 'alarm.to.bot' })).toBe(0)
    const names = await (await broker.raw('admin')).request('$JS.API.CONSUMER.NAMES.BASQUIAT_STREAM')
    expect(names.json<{ consumers: string[] }>().consumers).toContain(durable)
    expect(names.json<{ consumers: string[] }>().consumers).not.toContain(`${other}_alarm-to-bot`)
  })
})
