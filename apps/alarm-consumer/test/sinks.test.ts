import { createHmac } from 'node:crypto'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import type { AppLogLine } from '@alarm-bus/service/testing'
import { expect, test, vi } from 'vitest'
import { startConsumer } from './stack.ts'
import { inTurn, type Received, startReceiver, startRudeReceiver, status } from './support/receiver.ts'
import { expectNoSecrets, KEY, PATH_SECRET, startScene, TOKEN } from './support/scene.ts'

// A scene is a broker and a process; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 90_000 })

const SECRET = `whsec_${KEY.toString('base64')}`
const range = (count: number, name = 'alarm') => Array.from({ length: count }, (_, i) => `${name} ${i}`)
const alarmOf = ({ body }: Received): string =>
  (JSON.parse(body) as { text: string }).text.replace('[alarm-to-bot] ', '')

test('all sinks at once: each gets the alarm in its own form, the webhook’s signature holds', async () => {
  await using slack = await startReceiver()
  await using discord = await startReceiver(status(204))
  await using webhook = await startReceiver()
  await using telegram = await startReceiver(status(200, {}, '{"ok":true}'))
  await using scene = await startScene({
    ALARM_SINKS: 'console,slack,discord,webhook,telegram',
    ALARM_SLACK_URL: `${slack.url}/${PATH_SECRET}`,
    ALARM_DISCORD_URL: `${discord.url}/${PATH_SECRET}`,
    ALARM_WEBHOOK_URL: `${webhook.url}/${PATH_SECRET}`,
    ALARM_WEBHOOK_SECRET: SECRET,
    ALARM_TELEGRAM_TOKEN: TOKEN,
    ALARM_TELEGRAM_CHAT_ID: '-100',
    ALARM_TELEGRAM_API_URL: telegram.url,
  })
  const message = '디스크 <b>가득</b> & *찼음* @everyone 👨‍👩‍👧‍👦'
  const seq = await scene.publish(message)
  const receivers = [slack, discord, webhook, telegram]
  await waitFor(() => receivers.every(({ received }) => received.length > 0))
  await scene.app.line('alarmHandled', { matches: (line) => line['message'] === message })
  await waitFor(async () => (await scene.consumerInfo()).ack_floor.stream_seq === seq)
  expect(receivers.map(({ received }) => received.length)).toEqual([1, 1, 1, 1])
  const json = (of: typeof slack) => JSON.parse(of.received[0]?.body ?? '') as Record<string, unknown>
  expect(json(slack)['text']).toBe('[alarm-to-bot] 디스크 &lt;b&gt;가득&lt;/b&gt; &amp; *찼음* @\u200beveryone 👨‍👩‍👧‍👦')
  expect(json(discord)).toEqual({
    content: String.raw`\[alarm-to-bot\] 디스크 \<b>가득\</b> & \*찼음\* @everyone 👨‍👩‍👧‍👦`,
    allowed_mentions: { parse: [] },
  })
  expect(telegram.received[0]?.url).toBe(`/bot${TOKEN}/sendMessage`)
  expect(json(telegram)).toMatchObject({
    chat_id: '-100',
    text: '[alarm-to-bot] 디스크 &lt;b&gt;가득&lt;/b&gt; &amp; *찼음* @\u200beveryone 👨‍👩‍👧‍👦',
  })
  expect(json(webhook)).toMatchObject({ type: 'alarm', data: { channel: 'alarm-to-bot', message, seq } })
  const { headers, body } = webhook.received[0] as Received
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`
  expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', KEY).update(signed).digest('base64')}`)
  expect(Math.abs(Date.now() / 1_000 - Number(headers['webhook-timestamp']))).toBeLessThan(60)

  scene.app.signal('SIGTERM')
  expect(await scene.app.exit()).toEqual({ code: 0, signal: null })
  expect(scene.app.errorOutput).toBe('')
  expect(receivers.map(({ open }) => open)).toEqual([0, 0, 0, 0])
})

test('each sink is called until it has taken or refused the alarm, and not again for another', async () => {
  await using slack = await startReceiver()
  await using discord = await startReceiver(inTurn(status(200), status(404)))
  await using webhook = await startReceiver(inTurn(status(500), status(200), status(500), status(200)))
  await using scene = await startScene({
    ALARM_SINKS: 'slack,discord,webhook',
    ALARM_SLACK_URL: `${slack.url}/${PATH_SECRET}`,
    ALARM_DISCORD_URL: `${discord.url}/${PATH_SECRET}`,
    ALARM_WEBHOOK_URL: `${webhook.url}/${PATH_SECRET}`,
    ALARM_WEBHOOK_SECRET: SECRET,
  })
  const calls = () => [slack, discord, webhook].map(({ received }) => received.length)
  await scene.publish('webhook fails once')
  await waitFor(async () => (await scene.consumerInfo()).ack_floor.stream_seq === 1)
  expect(calls()).toEqual([1, 1, 2])
  expect(webhook.received[0]?.headers['webhook-id']).toBe(webhook.received[1]?.headers['webhook-id'])
  expect(await scene.deadLetters()).toEqual([])

  await scene.publish('and discord refuses')
  await waitFor(async () => (await scene.deadLetters()).length === 1)
  expect(calls()).toEqual([2, 2, 4])
  expect(await scene.deadLetters()).toMatchObject([
    {
      reason: 'handler_gave_up',
      deliveries: 2,
      error: 'discord refused the alarm: 404; the webhook or the chat may be gone',
    },
  ])
})

test('a sink that is away: pulling pauses, nothing is used up, and all arrive when it is back', async () => {
  let isAway = true
  const served: string[] = []
  await using slack = await startReceiver((response, received) => {
    if (!isAway) served.push(alarmOf(received))
    response.writeHead(isAway ? 503 : 200).end()
  })
  await using scene = await startScene({
    ALARM_SINKS: 'slack',
    ALARM_SLACK_URL: `${slack.url}/${PATH_SECRET}`,
    ALARM_CIRCUIT_FAILURES: '2',
    ALARM_CIRCUIT_PAUSE_MS: '100',
    MAX_DELIVER: '2',
    // Every alarm of the outage would be a dead letter within it.
    ACK_WAIT_MS: '500',
  })
  const opened = () => scene.app.lines.filter(({ event }) => event === 'sinkCircuitOpened')
  await scene.publish(...range(40))
  await waitFor(() => opened().length >= 5, { what: 'it was probed again and again' })
  // What the bound holds, and one or two in the places of those that failed before the circuit opened.
  expect((await scene.consumerInfo()).num_pending).toBeGreaterThanOrEqual(40 - 18)
  const url = await scene.app.url()
  const { checks } = (await (await fetch(`${url}/readyz`)).json()) as { checks: { name: string; detail: string }[] }
  expect(checks).toContainEqual({
    name: 'consumer:alarm-consumer_alarm-to-bot',
    ok: false,
    detail: 'paused: slack is away',
  })
  // Those that were on their way when it failed, and one for each probe, however many wait.
  expect(slack.received.length).toBeLessThanOrEqual(20 + opened().length)
  isAway = false
  await waitFor(async () => (await scene.consumerInfo()).ack_floor.stream_seq === 40, { deadlineMs: 20_000 })
  expect(served.toSorted()).toEqual(range(40).toSorted())
  expect(await scene.deadLetters()).toEqual([])
  await scene.app.line('sinkCircuitClosed')
})

test('a stop while a sink is away ends in time, with nothing lost', async () => {
  let isAway = true
  const served: string[] = []
  await using slack = await startReceiver((response, received) => {
    if (!isAway) served.push(alarmOf(received))
    response.writeHead(isAway ? 500 : 200).end()
  })
  const environment = {
    ALARM_SINKS: 'slack',
    ALARM_SLACK_URL: `${slack.url}/${PATH_SECRET}`,
    ALARM_CIRCUIT_FAILURES: '1',
    ALARM_CIRCUIT_PAUSE_MS: '60000',
  }
  await using scene = await startScene(environment)
  await scene.publish(...range(5))
  await scene.app.line('sinkCircuitOpened')
  scene.app.signal('SIGTERM')
  expect(await scene.app.exit(8_000)).toEqual({ code: 0, signal: null })
  isAway = false
  const options = { ...environment, ALARM_ALLOW_HTTP: 'true', ALARM_PRIVATE_HOSTS: '127.0.0.1' }
  await using again = startConsumer(scene.broker.url, options)
  await again.line('ready')
  await waitFor(async () => (await scene.consumerInfo()).ack_floor.stream_seq === 5, { deadlineMs: 20_000 })
  expect(served.toSorted()).toEqual(range(5))
  expect(await scene.deadLetters()).toEqual([])
})

test('429: the wait is kept, by what came with it too, and costs no delivery', async () => {
  let answer = inTurn(status(429, { 'retry-after': '1' }), status(200))
  const served: string[] = []
  await using slack = await startReceiver((...call) => answer(...call))
  await using scene = await startScene({ ALARM_SINKS: 'slack', ALARM_SLACK_URL: `${slack.url}/${PATH_SECRET}` })
  const settled = (seq: number) =>
    waitFor(async () => (await scene.consumerInfo()).ack_floor.stream_seq === seq, { deadlineMs: 20_000 })
  await scene.publish('waits')
  await settled(1)
  const [first, second] = slack.received
  // The sink is let alone for at least as long as it asked.
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(990)

  // A sink that takes three and then nothing for a while, as limits go.
  let freeFrom = 0
  answer = (response, received) => {
    if (received.at < freeFrom) return void response.writeHead(429, { 'retry-after': '0.2' }).end()
    served.push(alarmOf(received))
    if (served.length % 3 === 0) freeFrom = received.at + 200
    response.end()
  }
  await scene.publish(...range(12))
  await settled(13)
  expect(served.toSorted()).toEqual(range(12).toSorted())
  const retries = () => scene.app.lines.filter(({ event }) => event === 'retryScheduled')
  expect(retries()).toEqual([])

  answer = status(429, { 'retry-after': '600' })
  await scene.publish('for later')
  expect(await scene.app.line('retryScheduled')).toMatchObject({ delayMs: 600_000, error: 'slack answered 429' })
  const isPaused = (line: AppLogLine): boolean => line['state'] === 'paused' && line['reason'] === 'slack asks to wait'
  await scene.app.line('consumerStateChanged', { matches: isPaused })
  expect(await scene.deadLetters()).toEqual([])
})

test('slow, rude, resetting and half-closed, one after the other: the alarm arrives', async () => {
  await using slack = await startRudeReceiver((socket, index) => {
    if (index === 1) socket.write(`${PATH_SECRET} is no HTTP\r\n\r\n`)
    else if (index === 2) socket.resetAndDestroy()
    else if (index === 3) socket.end()
    else if (index > 3) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
  })
  await using scene = await startScene({
    ALARM_SINKS: 'slack',
    ALARM_SLACK_URL: `${slack.url}/${PATH_SECRET}`,
    ALARM_TIMEOUT_MS: '300',
    ALARM_CIRCUIT_FAILURES: '1',
    ALARM_CIRCUIT_PAUSE_MS: '50',
  })
  await scene.publish('at last')
  await waitFor(async () => (await scene.consumerInfo()).ack_floor.stream_seq === 1, { deadlineMs: 20_000 })
  expect(slack.received).toHaveLength(5)
  expect(await scene.app.line('alarmSent')).toMatchObject({ sink: 'slack', deliveryCount: 2 })
})

test('the broker dies between the alert and its ack: no second alert', async () => {
  let answer = (): void => undefined
  await using slack = await startReceiver((response) => (answer = () => void response.end()))
  await using scene = await startScene({ ALARM_SINKS: 'slack', ALARM_SLACK_URL: `${slack.url}/${PATH_SECRET}` })
  const { broker, app } = scene
  const seq = await scene.publish('once')
  await waitFor(() => slack.received.length === 1)
  await broker.kill()
  await app.line('notReady')
  answer()
  await app.line('alarmSent')
  const readyLines = app.lines.filter(({ event }) => event === 'ready').length
  await scene.reviveBroker()
  await waitFor(() => app.lines.filter(({ event }) => event === 'ready').length > readyLines, { deadlineMs: 20_000 })
  await waitFor(async () => (await scene.consumerInfo()).ack_floor.stream_seq === seq)
  await scene.publish('next')
  await waitFor(() => slack.received.length === 2)
  answer()
  expect(slack.received.map(alarmOf)).toEqual(['once', 'next'])
})

test('production refuses to start with what is unsafe, and says no secret', async () => {
  await using app = startConsumer('nats://127.0.0.1:1', {
    NODE_ENV: 'production',
    STREAMS: 'verify',
    NATS_ALARM_CONSUMER_PASSWORD: 'p-1234',
    ALARM_SINKS: 'slack,telegram',
    ALARM_SLACK_URL: `http://127.0.0.1/${PATH_SECRET}`,
    ALARM_TELEGRAM_TOKEN: TOKEN,
    ALARM_ALLOW_HTTP: 'true',
    ALARM_PRIVATE_HOSTS: '*',
  })
  expect((await app.exit()).code).toBe(1)
  const { problems } = (await app.line('badConfiguration')) as { problems?: { variable: string }[] }
  expect(problems?.map(({ variable }) => variable).toSorted()).toEqual([
    'ALARM_ALLOW_HTTP',
    'ALARM_PRIVATE_HOSTS',
    'ALARM_TELEGRAM_CHAT_ID',
  ])
  expectNoSecrets(app)
})
