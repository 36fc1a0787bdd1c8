import { readFileSync, rmSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { alarmToBot, alarmToLog, contracts } from '@alarm-bus/contracts'
import {
  connect,
  type Connection,
  createJetStreamPublisher,
  DeadLetter,
  defineHandler,
  createBus,
} from '@alarm-bus/nats-kit'
import { collectLogs, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { jetstreamManager } from '@nats-io/jetstream'
import { expect, onTestFinished, test } from 'vitest'
import { repository, run } from '../harness.ts'
import { commandLines } from './blocks.ts'

const development = parseEnv(readFileSync(`${repository}.env.example`, 'utf8')) as Record<string, string>
const PAGES = ['dead-letters', 'operations']
const lines = commandLines('pnpm ops', PAGES)
/** As many as the line that shows one needs. */
const LETTERS = 17

/** What each line has to print on a broker with 17 dead letters of the log-consumer's. */
const PRINTED: readonly RegExp[] = [
  /^  17 dead letters of log-consumer_alarm-to-bot$/m,
  /(^\d+ {2}.*log-consumer_alarm-to-bot {2}handler_gave_up: the disk is away\n){17}/m,
  /\{"message":"alarm 17"\}/,
  /17 would be redriven; nothing was changed, --apply does it/,
  /^17 redriven$/m,
  /^0 discarded$/m,
  /every consumer has an owner/,
  /^nothing to do: the broker is as declared$/m,
  /^nothing to do: the broker is as declared$/m,
  /^nothing to do: the broker is as declared$/m,
]

test('the Korean pages have the same lines', () => {
  expect(commandLines('pnpm ops', PAGES, 'ko')).toEqual(lines)
})

test('ops prints its answer and nothing else, and its exit code is passed on', async () => {
  const refused = run(['pnpm', 'ops', 'permission'])
  expect((await refused.exited).code).toBe(1)
  expect(refused.output().trimEnd().split('\n')).toEqual([expect.stringContaining("unknown command 'permission'")])
})

test('the lines run as they stand, one after the other, on the broker of nats.setup.conf', async () => {
  const broker = await startTestBroker({ config: `${repository}nats.setup.conf`, port: 0, env: development })
  onTestFinished(() => broker.stop())
  const env = { NATS_SERVERS: broker.url }
  const applied = run(['pnpm', 'ops', 'apply', '--yes'], env)
  expect(await applied.exited, applied.output()).toEqual({ code: 0, signal: null })

  const passwordOf = (user: string) => development[`NATS_${user.replaceAll('-', '_').toUpperCase()}_PASSWORD`] ?? ''
  const logger = collectLogs()
  const open = async (name: string): Promise<Connection> => {
    const auth = { user: name, password: passwordOf(name) }
    const connection = await connect({ servers: [broker.url], name, auth }, { logger })
    onTestFinished(async () => void (await connection.close(1_000)))
    return connection
  }
  let away = true
  const handled: string[] = []
  const bus = createBus({
    contracts,
    logger,
    connection: {
      servers: [broker.url],
      name: 'log-consumer',
      auth: { user: 'log-consumer', password: passwordOf('log-consumer') },
    },
    streams: { mode: 'verify' },
    subscriber: {
      // One at a time, so that the letters are in the order of the messages.
      concurrency: 1,
      handlers: [
        defineHandler(alarmToBot, ({ message }) => {
          if (away) throw new DeadLetter('the disk is away')
          handled.push(message)
        }),
        defineHandler(alarmToLog, () => undefined),
      ],
    },
  })
  void bus.start()
  onTestFinished(async () => void (await bus.stop(2_000)))
  await waitFor(() => bus.health().ready, { what: 'the app' })
  const publisher = createJetStreamPublisher(await open('producer'), { contracts })
  for (let n = 1; n <= LETTERS; n++) await publisher.publish(alarmToBot, { message: `alarm ${n}` })
  const manager = await jetstreamManager((await open('admin')).client)
  const letters = async () => (await manager.streams.info('BASQUIAT_STREAM_DLQ')).state.messages
  await waitFor(async () => (await letters()) === LETTERS, { what: 'the dead letters' })
  away = false

  expect(lines).toHaveLength(PRINTED.length)
  // Written by the line that plans, where it runs.
  onTestFinished(() => rmSync(`${repository}plan.json`, { force: true }))
  for (const [i, line] of lines.entries()) {
    const ran = run(line.split(' '), env)
    // What is wrong is what the next lines deal with.
    const code = line === 'pnpm ops status' ? 2 : 0
    expect(await ran.exited, `${line}\n${ran.output()}`).toEqual({ code, signal: null })
    expect(ran.output(), line).toMatch(PRINTED[i] as RegExp)
    // Nothing changes without --apply.
    if (i < 4) expect(await letters()).toBe(LETTERS)
  }
  expect(await letters()).toBe(0)
  await waitFor(() => handled.length === LETTERS)
})
