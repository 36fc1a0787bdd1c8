import { contracts } from '@alarm-bus/contracts'
import { jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { applyStreams } from '../src/index.ts'
import { authOf, startBroker, type TestBroker } from './harness.ts'
import { allOf, type Attempt, consumerPowers, consumerSubjects, refused, STREAM_NAMES } from './permissions.ts'

let broker: TestBroker

beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker[Symbol.asyncDispose]())

describe('the admin’s user', () => {
  test('applies, changes and lists streams, and hears of it', async () => {
    const target = { servers: [broker.server.url], auth: authOf('admin'), streams: contracts.streams }
    const client = await broker.raw('admin')
    const advisories: string[] = []
    client.subscribe('$JS.EVENT.ADVISORY.>', {
      callback(_, message) {
        advisories.push(message.subject)
      },
    })
    await client.flush()
    expect((await applyStreams(target)).map(({ action }) => action)).toEqual(STREAM_NAMES.map(() => 'created'))
    const manager = await jetstreamManager(client)
    expect((await manager.streams.list().next()).map(({ config }) => config.name).sort()).toEqual(
      STREAM_NAMES.toSorted(),
    )
    await manager.streams.update('BASQUIAT_STREAM', { max_msgs: 5 })
    expect((await applyStreams(target)).map(({ action }) => action)).toEqual(
      STREAM_NAMES.map((name) => (name === 'BASQUIAT_STREAM' ? 'updated' : 'none')),
    )
    expect(await manager.consumers.list('BASQUIAT_STREAM').next()).toEqual([])
    await client.flush()
    expect(advisories).toContain('$JS.EVENT.ADVISORY.STREAM.CREATED.BASQUIAT_STREAM_DLQ')
    expect(advisories).toContain('$JS.EVENT.ADVISORY.STREAM.UPDATED.BASQUIAT_STREAM')
  })

  test('reads and removes dead letters, one by one, and sends them to one consumer', async () => {
    const allowed: readonly Attempt[] = [
      { publish: '$JS.API.STREAM.MSG.GET.BASQUIAT_STREAM_DLQ' },
      { publish: '$JS.API.STREAM.MSG.DELETE.BASQUIAT_STREAM_DLQ' },
      { publish: '$JS.API.STREAM.MSG.GET.BASQUIAT_STREAM_DLQ_SHARES' },
      { publish: '$JS.API.STREAM.MSG.DELETE.BASQUIAT_STREAM_DLQ_SHARES' },
      { publish: 'redrive.BASQUIAT_STREAM.alarm-consumer_alarm-to-bot.1.1.1' },
    ]
    expect(await refused(await broker.raw('admin'), '_INBOX_admin', allowed)).toEqual([])
  })

  test('reads what the streams of channels hold, without a consumer', async () => {
    const allowed = [
      { publish: '$JS.API.DIRECT.GET.BASQUIAT_STREAM' },
      { publish: '$JS.API.STREAM.MSG.GET.BASQUIAT_STREAM' },
    ]
    expect(await refused(await broker.raw('admin'), '_INBOX_admin', allowed)).toEqual([])
  })

  test('makes the consumers of apps, each held to a subject', async () => {
    const allowed: readonly Attempt[] = [
      { publish: '$JS.API.CONSUMER.CREATE.BASQUIAT_STREAM.alarm-consumer_alarm-to-bot.alarm.to.bot' },
      { publish: '$JS.API.CONSUMER.CREATE.BASQUIAT_STREAM_REDRIVE.alarm-consumer_alarm-to-bot_redrive.redrive.x.y.>' },
    ]
    expect(await refused(await broker.raw('admin'), '_INBOX_admin', allowed)).toEqual([])
  })

  test('removes consumers of any app', async () => {
    const allowed: readonly Attempt[] = [
      { publish: '$JS.API.CONSUMER.DELETE.BASQUIAT_STREAM.gone-app_alarm-to-bot' },
      { publish: '$JS.API.CONSUMER.DELETE.BASQUIAT_STREAM_REDRIVE.gone-app_alarm-to-bot_redrive' },
    ]
    expect(await refused(await broker.raw('admin'), '_INBOX_admin', allowed)).toEqual([])
  })

  test('cannot delete, purge, read what is not a channel’s, or act as an app', async () => {
    const attempts: readonly Attempt[] = [
      ...['DELETE', 'PURGE', 'SNAPSHOT', 'RESTORE'].map((verb) => ({
        publish: `$JS.API.STREAM.${verb}.BASQUIAT_STREAM_DLQ`,
      })),
      ...['DELETE', 'PURGE', 'MSG.GET', 'MSG.DELETE'].map((verb) => ({
        publish: `$JS.API.STREAM.${verb}.BASQUIAT_STREAM_REDRIVE`,
      })),
      { publish: 'dead-letter.BASQUIAT_STREAM.alarm-consumer_alarm-to-bot.1.1' },
      { subscribe: 'redrive.>' },
      ...['DELETE', 'PURGE', 'MSG.DELETE', 'SNAPSHOT', 'RESTORE'].map((verb) => ({
        publish: `$JS.API.STREAM.${verb}.BASQUIAT_STREAM`,
      })),
      { publish: '$JS.API.DIRECT.GET.BASQUIAT_STREAM_IDEMPOTENCY' },
      ...consumerPowers('alarm-consumer_alarm-to-bot').filter(
        (attempt) =>
          !('publish' in attempt && /\.(LIST|NAMES|DELETE)\.|\.CONSUMER\.CREATE\.\S+?\.\S+?\./.test(attempt.publish)),
      ),
      ...consumerSubjects('alarm-consumer_alarm-to-bot').filter(
        (attempt) => !('publish' in attempt && /\.(INFO|DELETE)\./.test(attempt.publish)),
      ),
      { publish: 'alarm.to.bot' },
      { publish: 'core.alarm.to.bot' },
      { publish: 'idempotency.BASQUIAT_STREAM.abc' },
      { publish: '$SYS.REQ.SERVER.PING' },
      { subscribe: '>' },
      { subscribe: 'alarm.>' },
      { subscribe: 'dead-letter.>' },
      { subscribe: '_INBOX_producer.>' },
    ]
    expect(await refused(await broker.raw('admin'), '_INBOX_admin', attempts)).toEqual(allOf(attempts))
  })

  test('cannot make a stream without a bound, of which the account would fill up', async () => {
    const client = await broker.raw('admin')
    const answer = await client.request(
      '$JS.API.STREAM.CREATE.UNBOUND',
      JSON.stringify({ name: 'UNBOUND', subjects: ['unbound'] }),
    )
    expect(answer.json<{ error: { err_code: number } }>().error.err_code).toBe(10113)
  })
})

describe('the migrator’s user', () => {
  test('makes and removes streams and consumers, and pauses them', async () => {
    const allowed: readonly Attempt[] = [
      ...['CREATE', 'UPDATE', 'INFO', 'DELETE'].map((verb) => ({ publish: `$JS.API.STREAM.${verb}.GONE` })),
      ...['CREATE', 'INFO', 'PAUSE', 'DELETE'].map((verb) => ({ publish: `$JS.API.CONSUMER.${verb}.GONE.gone` })),
      { publish: '$JS.API.CONSUMER.CREATE.GONE.gone.alarm.to.bot' },
      { publish: '$JS.API.CONSUMER.LIST.GONE' },
      { publish: '$JS.API.STREAM.MSG.DELETE.GONE' },
      { publish: 'migrating.GONE' },
      // What kits before 1.0 left becomes dead letters.
      { publish: '$JS.API.STREAM.MSG.GET.BASQUIAT_STREAM_ADVISORIES' },
      { publish: '$JS.API.STREAM.MSG.GET.BASQUIAT_STREAM' },
      { publish: 'dead-letter.BASQUIAT_STREAM.alarm-consumer_alarm-to-bot.1.1' },
      { publish: 'dead-letter.BASQUIAT_STREAM.alarm-consumer_alarm-to-bot.1.1.1' },
    ]
    expect(await refused(await broker.raw('migrator'), '_INBOX_migrator', allowed)).toEqual([])
  })

  test('cannot purge, publish to a channel, or listen to others', async () => {
    const attempts: readonly Attempt[] = [
      ...['PURGE', 'SNAPSHOT', 'RESTORE'].map((verb) => ({
        publish: `$JS.API.STREAM.${verb}.BASQUIAT_STREAM`,
      })),
      { publish: '$JS.API.CONSUMER.MSG.NEXT.BASQUIAT_STREAM.alarm-consumer_alarm-to-bot' },
      { publish: '$JS.ACK.BASQUIAT_STREAM.alarm-consumer_alarm-to-bot.1.1.1.1.0' },
      { publish: 'alarm.to.bot' },
      { publish: 'redrive.BASQUIAT_STREAM.alarm-consumer_alarm-to-bot.1.1.1' },
      { publish: '$SYS.REQ.SERVER.PING' },
      { subscribe: 'alarm.>' },
      { subscribe: '_INBOX_admin.>' },
      { subscribe: '$JS.EVENT.ADVISORY.>' },
    ]
    expect(await refused(await broker.raw('migrator'), '_INBOX_migrator', attempts)).toEqual(allOf(attempts))
  })
})

describe('the sys user', () => {
  test('asks the broker about itself, and has no streams', async () => {
    const client = await broker.raw('sys')
    const pong = await client.request('$SYS.REQ.SERVER.PING')
    expect(pong.json<{ server: { name: string } }>().server.name).toBe(broker.server.serverName)
    await expect(
      client.request('$JS.API.INFO', undefined, { timeout: 2_000 }).then((answer) => answer.json()),
    ).resolves.toHaveProperty('error')
  })
})
