import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { createJetStreamPublisher } from '@alarm-bus/nats-kit'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runTail } from '../src/tail/run-tail.ts'
import { applyDeclared, authOf, startBroker, type TestBroker } from './harness.ts'

let broker: TestBroker

beforeAll(async () => {
  broker = await startBroker()
  await applyDeclared(broker, {}, [])
})
afterAll(() => broker[Symbol.asyncDispose]())

function tail(...argv: string[]) {
  const lines: string[] = []
  const complaints: string[] = []
  const stop = new AbortController()
  const to = {
    environment: {
      NODE_ENV: 'development',
      NATS_SERVERS: broker.server.url,
      NATS_ADMIN_PASSWORD: authOf('admin').password,
    },
    say: (line: string) => void lines.push(line),
    complain: (line: string) => void complaints.push(line),
    ask: undefined,
  }
  return { lines, complaints, stop, ended: runTail(argv, to, stop.signal) }
}

async function publish(...messages: string[]): Promise<void> {
  const publisher = createJetStreamPublisher(await broker.kit('producer'), { contracts })
  for (const message of messages) await publisher.publish(alarmToBot, { message })
}

test('shows what is stored from now on, until it is ended, and leaves no consumer', async () => {
  await publish('before')
  const running = tail()
  // Published until one is seen: when the first look was is not known from outside.
  await waitFor(async () => {
    await publish('after')
    return running.lines.length > 0
  })
  running.stop.abort()
  expect(await running.ended).toBe(0)
  expect(running.complaints).toEqual([])
  expect(running.lines[0]).toMatch(/^\d{4}-\S+Z alarm-to-bot #\d+ \S+ \{"message":"after"\}$/)
  expect(running.lines.join('\n')).not.toContain('before')
})

test('what is stored, as lines or JSON, also what is no message of its channel, and no further than asked', async () => {
  const client = await broker.raw('producer')
  await client.request('alarm.to.bot', '{"message":"\u001b[2J\u009b2J\u202e', { timeout: 5_000 })
  const all = tail('alarm-to-bot', '--all', '--no-follow')
  expect(await all.ended).toBe(0)
  expect(all.lines[0]).toContain('{"message":"before"}')
  expect(all.lines.at(-1)).toMatch(/ invalid \(.+\) "\{\\"message\\":\\"\\u001b\[2J\\u009b2J\\u202e"$/)
  const json = tail('--all', '--no-follow', '--json', '--limit', '1')
  expect(await json.ended).toBe(0)
  expect(json.lines).toHaveLength(1)
  expect(JSON.parse(json.lines[0] as string)).toMatchObject({
    kind: 'message',
    channel: 'alarm-to-bot',
    stream: 'BASQUIAT_STREAM',
    seq: 1,
    message: { message: 'before' },
  })
  const recent = tail('alarm-to-log', '--since', '1h', '--no-follow')
  expect(await recent.ended).toBe(0)
  expect(recent.lines).toEqual([])
})

test.each([
  [['alarm-to-bto'], 'unknown channel "alarm-to-bto"; expected one of: alarm-to-bot, alarm-to-log'],
  [['--all', '--since', '1h'], '--all and --since contradict each other'],
])('%j is refused', async (argv, why) => {
  const refused = tail(...argv)
  expect(await refused.ended).toBe(1)
  expect(refused.complaints.join()).toContain(why)
})
