import { defineApp } from '@alarm-bus/contracts'
import { jetstream } from '@nats-io/jetstream'
import { expect, test } from 'vitest'
import { consumerSubjects, declaredConsumers, noteSubjects } from '../src/admin.ts'
import { createSubscriber, defineHandler, ensureStreams, type SubscriberOptions } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { makeContracts, manager, onEnd, open, startBroker } from './harness.ts'

const NAME = 'app_to-bot'

/** A broker on which the app may use its consumers, and somebody else makes them. */
async function setUp() {
  const { stream, toBot, toLog, contracts } = makeContracts()
  const place = { stream: stream.name, name: NAME, filterSubject: toBot.subject }
  const allowed = [
    ...consumerSubjects(place).filter((subject) => !subject.includes('.CONSUMER.CREATE.')),
    ...noteSubjects(stream.name, NAME),
    ...noteSubjects(stream.name, `${NAME}_redrive`),
    ...[stream.name, `${stream.name}_REDRIVE`].map((name) => `$JS.API.STREAM.INFO.${name}`),
  ]
  const broker = await startBroker({
    configText: `
      jetstream {}
      authorization { users = [
        { user: admin, password: admin }
        { user: app, password: app, permissions { publish: ${JSON.stringify(allowed)}, subscribe: ["_INBOX_app.>"] } }
      ] }`,
  })
  const admin = await open(broker, { auth: { user: 'admin', password: 'admin' } })
  await ensureStreams(admin, [stream], { mode: 'apply' })
  const jsm = await manager(admin)
  const app = defineApp({ name: 'app', description: 'a test', owner: 'tests', handles: [toBot], fanOutInstances: 0 })
  const connection = await open(broker, {
    name: 'app',
    inboxPrefix: '_INBOX_app',
    auth: { user: 'app', password: 'app' },
  })
  const handled: string[] = []
  return {
    stream,
    toBot,
    toLog,
    jsm,
    handled,
    connection,
    /** As `pnpm ops apply` does. */
    async apply(over: object = {}) {
      for (const { stream: of, made } of declaredConsumers(app, contracts)) {
        const config = { ...made.pull, ...(of === stream.name && over) }
        await jsm.consumers.add(of, config)
      }
    },
    async publish(...messages: readonly string[]) {
      for (const message of messages) await jetstream(admin.client).publish(toBot.subject, JSON.stringify({ message }))
    },
    start(options: Partial<SubscriberOptions> = {}) {
      const subscriber = createSubscriber(connection, {
        contracts,
        app: 'app',
        handlers: [defineHandler(toBot, ({ message }) => void handled.push(message))],
        watchdog: { lookMs: 50, idleLookMs: 50, noteEveryMs: 50 },
        ...options,
      })
      onEnd(() => subscriber.stop(2_000))
      subscriber.start()
      const isReady = () => subscriber.checks().every(({ ok }) => ok)
      const details = () => subscriber.checks().map(({ detail }) => detail)
      return { subscriber, isReady, details }
    },
  }
}

test('a consumer that is missing is named with what to run, and the app goes on by itself once it is there', async () => {
  const { start, apply, publish, handled, stream, jsm } = await setUp()
  await publish('before')
  const { isReady, details } = start()
  const missing = `consumer ${NAME} of ${stream.name} is missing, and this app's user may not make it: run \`pnpm ops apply\``
  await waitFor(() => details().some((detail) => detail.includes(missing)))
  expect(isReady()).toBe(false)
  expect(await jsm.consumers.list(stream.name).next()).toEqual([])
  await apply()
  await waitFor(isReady)
  await waitFor(() => handled.length === 1)
})

test('while it is refused the app does not ask again and again', async () => {
  const { start, connection } = await setUp()
  const asked: string[] = []
  const request = connection.client.request.bind(connection.client)
  connection.client.request = (subject, ...rest) => {
    asked.push(subject)
    return request(subject, ...rest)
  }
  start()
  const looks = () => asked.filter((subject) => subject.includes('.CONSUMER.INFO.')).length
  await waitFor(() => looks() >= 6, { deadlineMs: 30_000 })
  // One for the consumer, one for the one beside it.
  expect(asked.filter((subject) => subject.includes('.CONSUMER.CREATE.')).length).toBeLessThanOrEqual(2)
})

test('a consumer that is deleted and made again while the app runs goes on after what was settled', async () => {
  const { start, apply, publish, handled, stream, jsm, connection } = await setUp()
  await apply()
  const running = start()
  const first = Array.from({ length: 20 }, (_, n) => `first ${n}`)
  await publish(...first)
  await waitFor(() => handled.length === 20)
  await waitFor(async () => (await jsm.consumers.info(stream.name, NAME)).ack_floor.stream_seq === 20)
  // Looked at since.
  let looks = 0
  connection.events.on('consumerMeasured', ({ consumer }) => void (consumer === NAME && looks++))
  await waitFor(() => looks >= 2)
  await jsm.consumers.delete(stream.name, NAME)
  await waitFor(() => !running.isReady())
  await waitFor(() => running.details().some((detail) => detail.includes('is missing')), { deadlineMs: 30_000 })
  await publish('while it was gone')
  await apply()
  await waitFor(() => running.isReady(), { deadlineMs: 30_000 })
  await publish('after')
  await waitFor(() => handled.includes('after'))
  expect(handled).toEqual([...first, 'while it was gone', 'after'])
})

test.each([
  ['ack_wait that is too short', { ack_wait: 1_000_000_000 }, 'ack_wait: 1000000000 → 30000000000'],
  ['deliveries that the server counts', { max_deliver: 2 }, 'max_deliver: 2 → -1'],
  ['headers alone', { headers_only: true }, 'headers_only: true → unset'],
])('one with %s is not used, and named with what to run; once it is right the app goes on', async (_, over, named) => {
  const { start, apply, publish, handled, stream, jsm } = await setUp()
  await apply(over)
  await publish('a message')
  const { isReady, details } = start()
  await waitFor(() => details().some((detail) => detail.includes(named) && detail.includes('pnpm ops apply')))
  expect(handled).toEqual([])
  await jsm.consumers.update(stream.name, NAME, { ack_wait: 30_000_000_000, max_deliver: -1, headers_only: false })
  await waitFor(isReady, { deadlineMs: 30_000 })
  await waitFor(() => handled.length === 1)
})

test('one that differs in what the app can work with is used as it is', async () => {
  const { start, apply, publish, handled } = await setUp()
  await apply({ ack_wait: 60_000_000_000, max_ack_pending: 77, inactive_threshold: 3_600_000_000_000 })
  const { isReady, subscriber } = start()
  await waitFor(isReady)
  await publish('a message')
  await waitFor(() => handled.length === 1)
  expect(subscriber.checks().filter(({ warning }) => warning)).toEqual([])
})

test('a filter that another tool edits is put right by the administrator: what was passed over is handled', async () => {
  const { start, apply, publish, handled, stream, jsm, toLog, toBot } = await setUp()
  await apply()
  const { isReady, details } = start()
  await publish('before')
  await waitFor(() => handled.length === 1)
  await waitFor(isReady)
  await jsm.consumers.update(stream.name, NAME, { filter_subject: toLog.subject })
  await waitFor(() => details().some((detail) => detail.includes('run `pnpm ops apply`')))
  await publish('passed over 1', 'passed over 2')
  await jsm.consumers.update(stream.name, NAME, { filter_subject: toBot.subject })
  await waitFor(() => handled.includes('passed over 2'), { deadlineMs: 30_000 })
  expect(new Set(handled)).toEqual(new Set(['before', 'passed over 1', 'passed over 2']))
  await waitFor(isReady)
})
