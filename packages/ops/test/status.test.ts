import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { createBus, createJetStreamPublisher, DeadLetter, defineHandler } from '@alarm-bus/nats-kit'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { jetstreamManager } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { describeStatus } from '../src/status/describe-status.ts'
import type { Status } from '../src/status/status.ts'
import { applyDeclared, authOf, startBroker, type TestBroker } from './harness.ts'
import { opsOf } from './in-process.ts'
import { runOps } from './run-ops.ts'

let broker: TestBroker
const stops: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  broker = await startBroker()
})
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
  await broker[Symbol.asyncDispose]()
})

async function status(): Promise<Status & { readonly code: number | null }> {
  const { code, out, err } = await opsOf(broker, {}, 'status', '--json')
  expect(err).toBe('')
  return { ...(JSON.parse(out) as Status), code }
}

async function startApp(name: string, handle: (text: string) => void) {
  const bus = createBus({
    contracts,
    logger: collectLogs(),
    connection: { servers: [broker.server.url], name, auth: authOf(name) },
    streams: { mode: 'verify' },
    subscriber: { handlers: [defineHandler(alarmToBot, ({ message }) => handle(message))] },
  })
  void bus.start()
  stops.push(() => bus.stop(2_000))
  await waitFor(() => bus.health().ready, { what: `${name} to be ready` })
  return bus
}

const CONSUMER = 'alarm-consumer_alarm-to-bot'

test('says what is missing, who runs, what waits, and the command for each dead letter', async () => {
  const empty = await status()
  expect(empty).toMatchObject({ code: 2, streams: [], consumers: [] })
  expect(empty.problems).toContainEqual({ what: 'stream BASQUIAT_STREAM is missing', command: 'pnpm ops plan' })

  await applyDeclared(broker, {}, ['alarm-consumer'])
  const bus = await startApp('alarm-consumer', (text) => {
    if (text === 'bad') throw new DeadLetter('no such chat')
  })
  const publisher = createJetStreamPublisher(await broker.kit('producer'), { contracts })
  for (const message of ['good', 'bad', 'bad']) await publisher.publish(alarmToBot, { message })
  const seen = await waitFor(
    async () => {
      const now = await status()
      return now.streams[0]?.deadLetters === 2 ? now : undefined
    },
    { what: 'two dead letters' },
  )
  expect(seen).toMatchObject({
    code: 2,
    streams: [
      {
        stream: 'BASQUIAT_STREAM',
        messages: 3,
        deadLetters: 2,
        channels: ['alarm-to-bot', 'alarm-to-log', 'sink-test'],
      },
      {},
    ],
    consumers: [
      { consumer: CONSUMER, app: 'alarm-consumer', state: 'running', unread: 0, deadLetters: 2, redriving: 0 },
      { consumer: 'alarm-consumer_sink-test', app: 'alarm-consumer', state: 'not_running', deadLetters: 0 },
    ],
    publishers: [{ app: 'console' }, { app: 'producer', channels: ['alarm-to-bot', 'alarm-to-log'] }],
  })
  expect(seen.problems).toEqual([
    { what: 'log-consumer has no consumer for alarm-to-bot, alarm-to-log', command: 'pnpm ops apply' },
    {
      what: `2 dead letters of ${CONSUMER}`,
      command: `pnpm ops dlq list --stream BASQUIAT_STREAM --consumer ${CONSUMER}`,
    },
  ])
  // The command that it names shows them.
  const [, ...dlq] = seen.problems[1]?.command?.replace('pnpm ', '').split(' ') ?? []
  const admin = { NATS_SERVERS: broker.server.url, NATS_ADMIN_PASSWORD: authOf('admin').password }
  expect((await runOps(dlq, admin)).out.trim().split('\n')).toHaveLength(2)

  await bus.stop(2_000)
  await publisher.publish(alarmToBot, { message: 'late' })
  const stopped = await waitFor(
    async () => {
      const now = await status()
      return now.consumers[0]?.state === 'not_running' ? now : undefined
    },
    { what: 'the end of the app is seen' },
  )
  expect(stopped.problems.map(({ what }) => what)).toContain(
    `${CONSUMER} is not read: no instance of alarm-consumer runs; 1 message waits`,
  )

  const manager = await jetstreamManager(await broker.raw('migrator'), { checkAPI: false })
  await manager.consumers.pause('BASQUIAT_STREAM', CONSUMER, new Date(Date.now() + 600_000))
  expect((await status()).problems.map(({ what }) => what)).toContain(`${CONSUMER} is paused; 1 message waits`)
})

test('the broker away is exit code 1, and flags are checked', async () => {
  const away = await runOps(['status', '--wait-ms', '300'], { NATS_SERVERS: 'nats://127.0.0.1:1' })
  expect(away).toMatchObject({ code: 1, err: expect.stringContaining('no broker at nats://127.0.0.1:1 within 300 ms') })
  const flag = await runOps(['status', '--nope'], {})
  expect(flag).toMatchObject({ code: 1, err: expect.stringContaining("unknown option '--nope'") })
})

test('numbers, sizes and ages are written for people, in columns; without a terminal no colour is', () => {
  const text = describeStatus(
    {
      streams: [
        {
          stream: 'S',
          channels: ['a', 'b'],
          messages: 1_234_567,
          bytes: 1_610_612_736,
          maxBytes: 2 ** 32,
          oldestMs: 7_300_000,
          deadLetters: 0,
        },
      ],
      consumers: [],
      publishers: [],
      problems: [],
    },
    false,
  )
  expect(text).toEqual([
    'STREAM  MESSAGES   SIZE              OLDEST  DEAD LETTERS  CHANNELS',
    'S       1,234,567  1.5 GiB of 4 GiB  2 h     0             a, b',
    '',
    'CONSUMER  STATE  UNREAD  IN FLIGHT  REDELIVERED  DEAD LETTERS  LAST DELIVERY',
    '',
    'nothing is wrong',
  ])
})
