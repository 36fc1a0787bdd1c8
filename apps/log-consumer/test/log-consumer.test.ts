import { alarmToBot, alarmToLog } from '@alarm-bus/contracts'
import { type Bus, HeaderName } from '@alarm-bus/nats-kit'
import { type NatsServer, startTestBroker } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startConsumer, startPublishing } from './stack.ts'

let broker: NatsServer
let bus: Bus
beforeAll(async () => {
  broker = await startTestBroker()
  bus = await startPublishing(broker.url)
})
afterAll(async () => {
  await bus.stop(5_000)
  await broker.stop()
})

test.each(['pull', 'push'])('%s: writes down the alarms of both channels; SIGTERM: exit 0', async (mode) => {
  // A durable cannot turn from pull to push, so each mode has a broker of its own.
  await using own = await startTestBroker()
  await using app = startConsumer(own.url, { MODE: mode })
  await app.line('ready')
  const publishing = await startPublishing(own.url)
  const forBot = await publishing.publisher.publish(alarmToBot, { message: `for the bot, ${mode}` })
  const forLog = await publishing.publisher.publish(alarmToLog, {
    message: `for the log, ${mode}`,
    extra: 'a stack trace',
  })
  const bare = await publishing.publisher.publish(alarmToLog, { message: `without extra, ${mode}` })
  const lineOf = (seq: number) => app.line('logStored', { matches: (line) => line['seq'] === seq })
  expect(await lineOf(forBot.seq)).toMatchObject({
    channel: 'alarm-to-bot',
    message: `for the bot, ${mode}`,
    id: forBot.id,
    deliveryCount: 1,
  })
  expect(await lineOf(forLog.seq)).toMatchObject({
    channel: 'alarm-to-log',
    message: `for the log, ${mode}`,
    extra: 'a stack trace',
    stream: 'BASQUIAT_STREAM',
  })
  expect(await lineOf(bare.seq)).not.toHaveProperty('extra')
  app.signal('SIGTERM')
  expect(await app.exit()).toEqual({ code: 0, signal: null })
  expect(app.errorOutput).toBe('')
  await publishing.stop(5_000)
})

test('the id of the request that a message came from is stored with it, and asked for', async () => {
  await using app = startConsumer(broker.url)
  await app.line('ready')
  const headers = { [HeaderName.RequestId]: 'request-of-a-test' }
  const { seq } = await bus.publisher.publish(alarmToBot, { message: 'asked for' }, { headers })
  await bus.publisher.publish(alarmToLog, { message: 'by nobody' })
  await app.line('logStored', { matches: (line) => line['message'] === 'by nobody' })
  const url = await app.url()
  const stored = { message: 'asked for', requestId: 'request-of-a-test', seq }
  const page = (await (await fetch(`${url}/logs?requestId=request-of-a-test`)).json()) as { readonly logs: unknown[] }
  expect(page.logs).toEqual([expect.objectContaining(stored)])
  expect(await (await fetch(`${url}/logs/BASQUIAT_STREAM/${seq}`)).json()).toMatchObject(stored)
})

test('what an alarm says stays on its one line', async () => {
  await using app = startConsumer(broker.url)
  await app.line('ready')
  const message = 'line one\nline two {"event":"logStored"}\u001b[31m'
  const { seq } = await bus.publisher.publish(alarmToLog, { message })
  expect(await app.line('logStored', { matches: (line) => line['seq'] === seq })).toMatchObject({ message })
  expect(app.lines.some(({ event }) => event === 'notJson')).toBe(false)
})

test('broker absent at boot: live, not ready; then it comes: ready', async () => {
  const placeholder = await startTestBroker()
  await placeholder.stop()
  await using app = startConsumer(placeholder.url)
  const url = await app.url()
  await app.line('connectFailed')
  expect((await fetch(`${url}/livez`)).status).toBe(200)
  expect((await fetch(`${url}/readyz`)).status).toBe(503)
  await using _broker = await startTestBroker({ port: placeholder.port })
  await app.line('ready')
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
})
