import { alarmToBot, alarmToLog } from '@alarm-bus/contracts'
import type { Bus } from '@alarm-bus/nats-kit'
import { type NatsServer, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
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

test.each(['pull', 'push'])(
  '%s: handles an alarm for the bot, and no other channel’s; SIGTERM: exit 0',
  async (mode) => {
    // A durable cannot turn from pull to push, so each mode has a broker of its own.
    await using own = await startTestBroker()
    await using app = startConsumer(own.url, { MODE: mode })
    await app.line('ready')
    const publishing = await startPublishing(own.url)
    const text = `disk is full, says ${mode}`
    await publishing.publisher.publish(alarmToLog, { message: 'not for the bot' })
    const receipt = await publishing.publisher.publish(alarmToBot, { message: text })
    const line = await app.line('alarmHandled', { matches: ({ message }) => message === text })
    expect(line).toMatchObject({
      level: 'info',
      channel: 'alarm-to-bot',
      id: receipt.id,
      stream: receipt.stream,
      seq: receipt.seq,
      deliveryCount: 1,
    })
    expect(app.lines.filter(({ event, channel }) => event === 'alarmHandled' && channel !== 'alarm-to-bot')).toEqual([])
    app.signal('SIGTERM')
    expect(await app.exit()).toEqual({ code: 0, signal: null })
    expect(app.errorOutput).toBe('')
    await publishing.stop(5_000)
  },
)

test('what came while it was down is handled when it is back, once', async () => {
  const first = startConsumer(broker.url)
  await first.line('ready')
  first.signal('SIGTERM')
  await first.exit()
  await bus.publisher.publish(alarmToBot, { message: 'while you were out' })
  await using second = startConsumer(broker.url)
  await second.line('alarmHandled', { matches: ({ message }) => message === 'while you were out' })
  expect(second.lines.filter(({ event }) => event === 'alarmHandled')).toHaveLength(1)
})

test('DELIVERY: instances of a queue group share the alarms, with fan-out each sees all', async () => {
  await using shared1 = startConsumer(broker.url)
  await using shared2 = startConsumer(broker.url)
  await using all1 = startConsumer(broker.url, { DELIVERY: 'fan-out', INSTANCE_ID: 'one' })
  await using all2 = startConsumer(broker.url, { DELIVERY: 'fan-out', INSTANCE_ID: 'two' })
  const apps = [shared1, shared2, all1, all2]
  await Promise.all(apps.map((app) => app.line('ready')))
  const sent = Array.from({ length: 40 }, (_, index) => `shared ${index}`)
  for (const message of sent) await bus.publisher.publish(alarmToBot, { message })
  const seen = (index: number): unknown[] =>
    (apps[index]?.lines ?? [])
      .filter(({ event, message }) => event === 'alarmHandled' && sent.includes(String(message)))
      .map(({ message }) => message)
  await waitFor(() => seen(0).length + seen(1).length >= 40 && seen(2).length >= 40 && seen(3).length >= 40, {
    what: 'all alarms are handled',
  })
  expect([...seen(0), ...seen(1)].toSorted()).toEqual(sent.toSorted())
  expect(seen(2).toSorted()).toEqual(sent.toSorted())
  expect(seen(3).toSorted()).toEqual(sent.toSorted())
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
  const response = await fetch(`${url}/readyz`)
  expect(response.status).toBe(200)
  const { checks } = (await response.json()) as { checks: readonly { name: string }[] }
  expect(checks.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'connection',
      expect.stringMatching(/^streams:BASQUIAT_STREAM/),
      'consumer:alarm-consumer_alarm-to-bot',
    ]),
  )
})
