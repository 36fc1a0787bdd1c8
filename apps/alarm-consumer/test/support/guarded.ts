import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { alarmToBot, contracts } from '@alarm-bus/contracts'
import {
  connect,
  type Connection,
  createJetStreamPublisher,
  ensureStreams,
  sharedConsumerName,
} from '@alarm-bus/nats-kit'
import { declaredConsumers } from '@alarm-bus/nats-kit/admin'
import { collectLogs, type NatsServer, startTestBroker } from '@alarm-bus/nats-kit/testing'
import type { AppLogLine, AppProcess } from '@alarm-bus/service/testing'
import { app } from '../../src/declaration.ts'
import { startConsumer } from '../stack.ts'
import { PATH_SECRET } from './scene.ts'

const repository = new URL('../../../../', import.meta.url)
const environment = parseEnv(readFileSync(new URL('.env.example', repository), 'utf8')) as Record<string, string>
const passwordOf = (user: string): string =>
  environment[`NATS_${user.toUpperCase().replaceAll('-', '_')}_PASSWORD`] as string

const STREAM = contracts.streamOf(alarmToBot).name
export const CONSUMER = sharedConsumerName(app.name, alarmToBot)
export const BUCKET = `KV_${STREAM}_ONCE`

/** That an app watches the stream of the alarms: each stream has a line, and a leader of its own. */
export const WATCHES = { matches: ({ stream }: AppLogLine): boolean => stream === STREAM }

/** The broker on nats.setup.conf, with its users, and apps that look at its streams and change none. */
export interface Guarded extends AsyncDisposable {
  readonly broker: NatsServer
  /** Kills the broker and starts it again on what it had stored. */
  restartBroker(): Promise<void>
  /** Streams with all that is beside them, and the app's consumers, as a set-up job applies them. */
  apply(deployed?: { readonly delivery?: 'queue-group' | 'fan-out'; readonly ackWaitMs?: number }): Promise<void>
  /** The app with its own user. It ends with the broker. */
  start(sinks: Readonly<Record<string, string>>): AppProcess
  as(user: string): Promise<Connection>
  /** @returns the sequence. */
  publish(message: string): Promise<number>
  /** Whether the consumer has no more to deliver, and none of it again. */
  isSettled(consumer: string): Promise<boolean>
  /** What the bucket says of an alarm and a sink, asked by the app's own user. Of an alert `seq` is its slot. */
  recordOf(sink: string, seq: number, sender?: string): Promise<string | undefined>
}

export async function startGuarded(): Promise<Guarded> {
  const configured = { config: fileURLToPath(new URL('nats.setup.conf', repository)), env: environment }
  let broker = await startTestBroker(configured)
  const opened = new Map<string, Promise<Connection>>()
  const apps: AppProcess[] = []
  const as = (user: string): Promise<Connection> => {
    const auth = { user, password: passwordOf(user) }
    const connection =
      opened.get(user) ?? connect({ servers: [broker.url], name: user, auth }, { logger: collectLogs() })
    opened.set(user, connection)
    return connection
  }
  const ask = async (user: string, subject: string, payload?: string) =>
    (await as(user)).client.request(subject, payload, { timeout: 5_000 })
  return {
    get broker() {
      return broker
    },
    async restartBroker() {
      const { port, storeDir } = broker
      await broker.kill()
      broker = await startTestBroker({ ...configured, port, storeDir })
    },
    as,
    async apply(deployed = {}) {
      await ensureStreams(await as('admin'), contracts.streams, { mode: 'apply', watched: true })
      for (const { stream, wanted, made } of declaredConsumers(app, contracts, deployed)) {
        const { pull: config } = made
        if (wanted === 'no') continue
        const subject = `$JS.API.CONSUMER.CREATE.${stream}.${config.name}.${config.filter_subject}`
        const answer = await ask('admin', subject, JSON.stringify({ stream_name: stream, config }))
        if ('error' in answer.json<object>()) throw new Error(answer.string())
      }
    },
    start(sinks) {
      const started = startConsumer(broker.url, {
        STREAMS: 'verify',
        NATS_ALARM_CONSUMER_PASSWORD: passwordOf(app.name),
        ALARM_ALLOW_HTTP: 'true',
        ALARM_PRIVATE_HOSTS: '127.0.0.1',
        LOG_LEVEL: 'debug',
        ...sinks,
      })
      apps.push(started)
      return started
    },
    async publish(message) {
      const publisher = createJetStreamPublisher(await as('producer'), { contracts })
      const { seq } = await publisher.publish(alarmToBot, { message })
      await publisher.close()
      return seq
    },
    async isSettled(consumer) {
      const info = (await ask('admin', `$JS.API.CONSUMER.INFO.${STREAM}.${consumer}`)).json<Record<string, number>>()
      return info['num_pending'] === 0 && info['num_ack_pending'] === 0
    },
    async recordOf(sink, seq, sender = CONSUMER) {
      const subjects = { subjects_filter: `$KV.*.${sender}.${sink}.${seq}.*` }
      const { state } = (await ask('admin', `$JS.API.STREAM.INFO.${BUCKET}`, JSON.stringify(subjects))).json<{
        state: { subjects?: Record<string, number> }
      }>()
      const [subject] = Object.keys(state.subjects ?? {})
      return subject && (await ask(app.name, `$JS.API.DIRECT.GET.${BUCKET}.${subject}`)).string()
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(apps.map((each) => each.kill()))
      for (const connection of opened.values()) await (await connection).close(1_000)
      await broker.stop()
    },
  }
}

/** Slack's and Discord's settings for receivers of a test. */
export function sinksAt(slack: { readonly url: string }, discord?: { readonly url: string }): Record<string, string> {
  return {
    ALARM_SINKS: discord ? 'slack,discord' : 'slack',
    ALARM_SLACK_URL: `${slack.url}/${PATH_SECRET}`,
    ...(discord && { ALARM_DISCORD_URL: `${discord.url}/${PATH_SECRET}` }),
  }
}
