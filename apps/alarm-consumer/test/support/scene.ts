import { alarmToBot } from '@alarm-bus/contracts'
import { type Bus, connect, type Connection } from '@alarm-bus/nats-kit'
import { type DeadLetterEntry, listDeadLetters } from '@alarm-bus/nats-kit/admin'
import { collectLogs, type NatsServer, startTestBroker } from '@alarm-bus/nats-kit/testing'
import type { AppProcess } from '@alarm-bus/service/testing'
import { expect } from 'vitest'
import { startConsumer, startPublishing } from '../stack.ts'

const STREAM = 'BASQUIAT_STREAM'
const CONSUMER = 'alarm-consumer_alarm-to-bot'

/** What must not be read anywhere. The first is part of every webhook's address. */
export const PATH_SECRET = 'T0verysecretpath'
export const TOKEN = '123456:AAverysecrettokenverysecrettoken'
export const KEY = Buffer.alloc(32, 'verysecretkey')
const SECRETS = [PATH_SECRET, TOKEN, TOKEN.slice(7), KEY.toString('base64'), KEY.toString('latin1')]

/** What an app of these tests may do, and how quickly. */
const QUICK = {
  LOG_LEVEL: 'debug',
  ALARM_ALLOW_HTTP: 'true',
  ALARM_PRIVATE_HOSTS: '127.0.0.1',
  ALARM_TIMEOUT_MS: '2000',
}

interface ConsumerInfo {
  readonly num_pending: number
  readonly num_ack_pending: number
  readonly ack_floor: { readonly stream_seq: number }
  readonly delivered: { readonly consumer_seq: number }
}

export interface Scene extends AsyncDisposable {
  readonly broker: NatsServer
  readonly app: AppProcess
  /** Publishes alarms in order. @returns the sequence of the last one. */
  publish(...messages: readonly string[]): Promise<number>
  consumerInfo(): Promise<ConsumerInfo>
  /** Starts the broker again that was killed, with what it had stored. */
  reviveBroker(): Promise<void>
  deadLetters(): Promise<readonly DeadLetterEntry[]>
}

/** A broker, the app as a process with its sinks, and somebody who publishes. At its end no secret was said anywhere. */
export async function startScene(environment: Readonly<Record<string, string>>): Promise<Scene> {
  let broker = await startTestBroker()
  const app = startConsumer(broker.url, { ...QUICK, ...environment })
  // A machine with much else to do takes its time to start a process.
  await app.line('ready', { deadlineMs: 30_000 })
  const bus: Bus = await startPublishing(broker.url)
  const connection: Connection = await connect({ servers: [broker.url], name: 'test' }, { logger: collectLogs() })
  const deadLetters = async (): Promise<readonly DeadLetterEntry[]> => {
    const letters: DeadLetterEntry[] = []
    for await (const letter of listDeadLetters(connection, STREAM)) letters.push(letter)
    return letters
  }
  return {
    get broker() {
      return broker
    },
    app,
    async reviveBroker() {
      broker = await startTestBroker({ port: broker.port, storeDir: broker.storeDir })
    },
    deadLetters,
    async publish(...messages) {
      let last = 0
      for (const message of messages) last = (await bus.publisher.publish(alarmToBot, { message })).seq
      return last
    },
    async consumerInfo() {
      const answer = await connection.client.request(`$JS.API.CONSUMER.INFO.${STREAM}.${CONSUMER}`)
      return answer.json<ConsumerInfo>()
    },
    async [Symbol.asyncDispose]() {
      const letters = JSON.stringify(await deadLetters())
      await app.kill()
      await bus.stop(5_000)
      await connection.close(2_000)
      await broker.stop()
      expectNoSecrets(app)
      for (const secret of SECRETS) expect(letters).not.toContain(secret)
    },
  }
}

/** In the form that JSON lines have, and unescaped. */
export function expectNoSecrets(app: AppProcess): void {
  const output =
    JSON.stringify(app.lines) + app.lines.map((line) => Object.values(line).join()).join() + app.errorOutput
  for (const secret of SECRETS) expect(output).not.toContain(secret)
}
