import { alarmToBot, alarmToLog, contracts } from '@alarm-bus/contracts'
import { type Bus, createBus, DeadLetter, defineHandler, RetryLater } from '@alarm-bus/nats-kit'
import { collectLogs, type NatsServer, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMetrics, type Metrics } from '../src/index.ts'

let broker: NatsServer
let bus: Bus
let metrics: Metrics
beforeAll(async () => {
  broker = await startTestBroker()
  metrics = createMetrics({ app: 'metered', version: '1.2.3' })
  const failing = new Set(['fail once'])
  bus = metrics.observe(
    createBus({
      contracts,
      connection: { name: 'metered', servers: [broker.url] },
      logger: collectLogs(),
      publisher: {},
      subscriber: {
        watchdog: { lookMs: 100 },
        handlers: metrics.handlers([
          defineHandler(alarmToBot, async ({ message }) => {
            if (message === 'give up') throw new DeadLetter('given up')
            if (failing.delete(message)) throw new RetryLater(1)
          }),
          defineHandler(alarmToLog, () => undefined),
        ]),
      },
    }),
  )
  await bus.start()
})
afterAll(async () => {
  await bus.stop(5_000)
  await broker.stop()
})

/** Every sample of a metric with its labels, as Prometheus would read it. */
async function samples(name: string): Promise<Readonly<Record<string, number>>> {
  const lines = (await metrics.text())
    .split('\n')
    .filter((line) => line === name || /^[ {]/.test(line.slice(name.length)))
  const own = lines.filter((line) => line.startsWith(name))
  return Object.fromEntries(
    own.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(name.length, at), Number(line.slice(at + 1))]
    }),
  )
}

test('who it is, that it is ready and connected, and Node’s own', async () => {
  expect(await samples('alarm_bus_app_info')).toEqual({ '{app="metered",version="1.2.3"}': 1 })
  expect(await samples('alarm_bus_ready')).toEqual({ '': 1 })
  expect(await samples('alarm_bus_connected')).toEqual({ '': 1 })
  expect(await samples('alarm_bus_consumer_running')).toMatchObject({ '{consumer="metered_alarm-to-bot"}': 1 })
  expect(await metrics.text()).toContain('nodejs_eventloop_lag_seconds')
})

test('publishes by channel and result', async () => {
  const { publisher } = bus
  await publisher.publish(alarmToLog, { message: 'one' }, { id: 'same' })
  await publisher.publish(alarmToLog, { message: 'one' }, { id: 'same' })
  await publisher.publishMany(alarmToLog, [{ message: 'two' }, { message: 'three' }])
  await publisher.publishStream(alarmToLog, [{ message: 'four' }, { message: 'five' }, { message: 'six' }])
  await expect(publisher.publish(alarmToLog, { message: '' })).rejects.toMatchObject({ code: 'invalid_message' })
  expect(await samples('alarm_bus_published_total')).toEqual({
    '{channel="alarm-to-log",result="stored"}': 6,
    '{channel="alarm-to-log",result="duplicate"}': 1,
    '{channel="alarm-to-log",result="failed"}': 1,
  })
  expect(await samples('alarm_bus_publish_failures_total')).toEqual({
    '{channel="alarm-to-log",code="invalid_message"}': 1,
  })
  // Single messages that have an answer; nothing is left in flight.
  expect(await samples('alarm_bus_publish_duration_seconds_count')).toEqual({ '{channel="alarm-to-log"}': 2 })
  expect(await samples('alarm_bus_publishes_in_flight')).toEqual({ '{channel="alarm-to-log"}': 0 })
  await waitFor(async () => {
    const handled = await samples('alarm_bus_handler_duration_seconds_count')
    return handled['{channel="alarm-to-log",result="handled"}'] === 6
  })
})

test('deliveries that were handled, failed, are retried, and end as dead letters', async () => {
  for (const message of ['well', 'fail once', 'give up']) await bus.publisher.publish(alarmToBot, { message })
  const labels = 'channel="alarm-to-bot",consumer="metered_alarm-to-bot"'
  await waitFor(async () => {
    const calls = await samples('alarm_bus_handler_duration_seconds_count')
    const letters = await samples('alarm_bus_dead_letters_total')
    return calls['{channel="alarm-to-bot",result="handled"}'] === 2 && Object.keys(letters).length > 0
  })
  expect(await samples('alarm_bus_handler_duration_seconds_count')).toMatchObject({
    '{channel="alarm-to-bot",result="handled"}': 2,
    '{channel="alarm-to-bot",result="failed"}': 2,
  })
  expect(await samples('alarm_bus_handlers_in_flight')).toEqual({
    '{channel="alarm-to-bot"}': 0,
    '{channel="alarm-to-log"}': 0,
  })
  expect(await samples('alarm_bus_retries_total')).toEqual({ [`{${labels}}`]: 1 })
  expect(await samples('alarm_bus_dead_letters_total')).toEqual({ [`{${labels},reason="handler_gave_up"}`]: 1 })
})

test('how far a consumer is behind', async () => {
  const of = async (name: string) => (await samples(name))['{consumer="metered_alarm-to-log"}']
  // Both, since the look that shows them may have been before the acks of what was delivered.
  await waitFor(
    async () =>
      (await of('alarm_bus_consumer_pending_messages')) === 0 &&
      (await of('alarm_bus_consumer_ack_pending_messages')) === 0,
  )
})

test('how old what waits for a consumer is at most', async () => {
  const of = async (name: string) => (await samples(name))['{consumer="metered_alarm-to-log"}']
  await waitFor(async () => (await of('alarm_bus_consumer_oldest_unread_seconds')) === 0)
  const resume = bus.pause('a test', alarmToLog)
  await bus.publisher.publish(alarmToLog, { message: 'waits' })
  await waitFor(
    async () =>
      (await of('alarm_bus_consumer_pending_messages')) === 1 &&
      ((await of('alarm_bus_consumer_oldest_unread_seconds')) ?? 0) > 0,
  )
  resume()
  await waitFor(async () => (await of('alarm_bus_consumer_oldest_unread_seconds')) === 0)
})

test('what an app times and counts of its own', async () => {
  const timed = metrics.timer({
    name: 'test_duration_seconds',
    help: 'a test',
    label: 'of',
    resultOf: (error) => (error instanceof DeadLetter ? 'refused' : 'failed'),
  })
  expect(await timed('a', async () => 'result')).toBe('result')
  const refused = new DeadLetter('no')
  await expect(timed('a', () => Promise.reject(refused))).rejects.toBe(refused)
  await expect(timed('b', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await samples('alarm_bus_test_duration_seconds_count')).toEqual({
    '{of="a",result="ok"}': 1,
    '{of="a",result="refused"}': 1,
    '{of="b",result="failed"}': 1,
  })
  metrics.counter('test_rows_total', 'a test')(3)
  expect(await samples('alarm_bus_test_rows_total')).toEqual({ '': 3 })
})
