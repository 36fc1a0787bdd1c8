import { connect, createJetStreamPublisher } from '@alarm-bus/nats-kit'
import { storeDeadLetter, StoredSender } from '@alarm-bus/nats-kit/admin'
import { alarmToLog, contracts } from '@alarm-bus/contracts'
import { collectLogs, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { expect, test, vi } from 'vitest'
import { startConsumer } from './stack.ts'
import { type Guarded, sinksAt, startGuarded, WATCHES } from './support/guarded.ts'
import { storeLetters } from './support/letters.ts'
import { linesOf, matching, until } from './support/alert-lines.ts'
import { startReceiver } from './support/receiver.ts'

// A scene is a broker and processes; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 120_000 })

const QUICK = { ALARM_BUS_ALERTS_PAUSE_MS: '3000' }
const STREAM = 'BASQUIAT_STREAM'
const CONSUMER = 'log-consumer_alarm-to-log'

const ask = async (scene: Guarded, user: string, subject: string, body: object) => {
  const { client } = await scene.as(user)
  const answer = (await client.request(`$JS.API.${subject}`, JSON.stringify(body), { timeout: 10_000 })).json<{
    readonly error?: unknown
  }>()
  if (answer.error !== undefined) throw new Error(JSON.stringify(answer.error))
}

/** A consumer that nobody reads, as of an app that is down. */
const makeConsumer = (scene: Guarded) =>
  ask(scene, 'migrator', `CONSUMER.CREATE.${STREAM}.${CONSUMER}.${alarmToLog.subject}`, {
    stream_name: STREAM,
    config: { name: CONSUMER, durable_name: CONSUMER, ack_policy: 'explicit', filter_subject: alarmToLog.subject },
  })

async function publish(scene: Guarded, count: number): Promise<void> {
  const publisher = createJetStreamPublisher(await scene.as('producer'), { contracts })
  for (let n = 0; n < count; n++) await publisher.publish(alarmToLog, { message: `log ${n}` })
  await publisher.close()
}

test('a consumer that stands still is told of, and that it does so no longer', async () => {
  await using slack = await startReceiver()
  await using scene = await startGuarded()
  await scene.apply()
  const app = scene.start({ ...sinksAt(slack), ...QUICK })
  await app.line('busWatched', WATCHES)
  await makeConsumer(scene)
  await publish(scene, 3)
  await until(slack, /^log-consumer_alarm-to-log of BASQUIAT_STREAM stands still: 3 messages wait/)
  await ask(scene, 'admin', `CONSUMER.DELETE.${STREAM}.${CONSUMER}`, {})
  await until(slack, /^Over: log-consumer_alarm-to-log of BASQUIAT_STREAM handles messages again/)
})

test('messages that left the stream unread are told of', async () => {
  await using slack = await startReceiver()
  await using scene = await startGuarded()
  await scene.apply()
  const app = scene.start({ ...sinksAt(slack), ...QUICK })
  await app.line('busWatched', WATCHES)
  await makeConsumer(scene)
  await publish(scene, 20)
  // Seen waiting by a look, which is how it is known that they waited.
  await until(slack, /stands still: 20 messages wait/)
  const { config } = await streamInfo(scene)
  await ask(scene, 'admin', `STREAM.UPDATE.${STREAM}`, { ...config, max_msgs: 5 })
  await until(slack, /^At least 15 messages left the stream before log-consumer_alarm-to-log of BASQUIAT_STREAM read/)
})

test('dead letters that nearly fill their stream are told of, and those that went to a share', async () => {
  await using slack = await startReceiver()
  await using scene = await startGuarded()
  await scene.apply()
  const { config } = await streamInfo(scene, `${STREAM}_DLQ`)
  await ask(scene, 'admin', `STREAM.UPDATE.${STREAM}_DLQ`, { ...config, max_msgs: 3 })
  const app = scene.start({ ...sinksAt(slack), ...QUICK })
  await app.line('busWatched', WATCHES)
  await storeLetters(scene, CONSUMER, 'handler_gave_up', { count: 8 })
  await until(slack, /^8 dead letters of|^Over: .* There were 8,/)
  await until(slack, /^BASQUIAT_STREAM_DLQ is 100 % full .*once full it refuses what is new/)
})

test('hostile names are text to the sink, and a thousand of them are a few lines and records', async () => {
  await using slack = await startReceiver()
  await using broker = await startTestBroker()
  await using app = startConsumer(broker.url, {
    ...sinksAt(slack),
    ...QUICK,
    ALARM_ALLOW_HTTP: 'true',
    ALARM_PRIVATE_HOSTS: '127.0.0.1',
  })
  await app.line('busWatched', WATCHES)
  const connection = await connect({ servers: [broker.url], name: 'anybody' }, { logger: collectLogs() })
  const sender = new StoredSender(connection)
  const store = (consumer: string, seq: number) =>
    storeDeadLetter(connection, sender, {
      reason: `<!channel> ${consumer}` as never,
      error: '',
      issues: [],
      channel: 'alarm-to-bot',
      subject: 'alarm.to.bot',
      stream: STREAM,
      seq,
      letterNanos: '1700000000000000000',
      consumer,
      deliveryCount: 1,
      original: { data: Buffer.from('x'), headerBytes: undefined },
    })
  await store('<!channel>@here$(reboot)', 1)
  await until(slack, /dead letter of/)
  const [first = ''] = linesOf(slack)
  expect(first).toContain('&lt;!channel&gt;')
  expect(first).not.toMatch(/<!|@here|--consumer/)
  await Promise.all(Array.from({ length: 1_000 }, (_, n) => store(`c${n}`, n + 2)))
  await until(slack, /dead letters of other consumers of/, 60_000)
  const counted = (): number =>
    matching(slack, /dead letters? of/)
      .filter((line) => !line.startsWith('Over'))
      .reduce((sum, line) => sum + Number(/^(\d+)/.exec(line)?.[1]), 0)
  await waitFor(() => counted() === 1_001, { what: 'all are counted', deadlineMs: 60_000 })
  expect(new Set(linesOf(slack).map((line) => / of (\S+)/.exec(line)?.[1])).size).toBeLessThan(40)
  const bucket = `KV_${STREAM}_ONCE`
  const state = { subjects_filter: '$KV.*.alarm-consumer_watch.*' }
  const info = await connection.client.request(`$JS.API.STREAM.INFO.${bucket}`, JSON.stringify(state))
  const { subjects } = info.json<{ state: { subjects: Record<string, number> } }>().state
  expect(Object.keys(subjects).length).toBeLessThan(45)
  await sender.close()
  await connection.close(1_000)
})

async function streamInfo(scene: Guarded, stream = STREAM): Promise<{ readonly config: object }> {
  const { client } = await scene.as('admin')
  return (await client.request(`$JS.API.STREAM.INFO.${stream}`)).json<{ config: object }>()
}
