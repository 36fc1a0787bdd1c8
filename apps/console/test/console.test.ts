import { get as httpGet } from 'node:http'
import { alarmToBot, alarmToLog, contracts } from '@alarm-bus/contracts'
import { createJetStreamPublisher, DeadLetter, defineHandler, type JetStreamPublisher } from '@alarm-bus/nats-kit'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type {
  AuditPage,
  ChannelDetail,
  ConsumerDetail,
  Job,
  LetterDetail,
  LetterGroups,
  LetterPage,
  MessageFound,
  Overview,
  Schedules,
  Streams,
} from '../src/api.ts'
import { type Client, createClient } from './support/client.ts'
import { startStack, type Stack } from './support/stack.ts'

const DEADLINE_MS = 60_000
const TOKENS = {
  ada: 'ada-0123456789abcdef0123456789abcdef',
  bo: 'bo-0123456789abcdef0123456789abcdef',
}
const CONSUMER = 'alarm-consumer_alarm-to-bot'

let stack: Stack
let url: string
let operator: Client
let viewer: Client
let publisher: JetStreamPublisher
const state = { down: true, bot: [] as string[], log: [] as string[] }

beforeAll(async () => {
  stack = await startStack()
  ;({ url } = await stack.console({ CONSOLE_TOKENS: `ada:operator:${TOKENS.ada},bo:viewer:${TOKENS.bo}` }))
  await stack.handle('alarm-consumer', [
    defineHandler(alarmToBot, ({ message }) => {
      if (state.down) throw new DeadLetter('the chat answered 503')
      state.bot.push(message)
    }),
  ])
  await stack.handle('log-consumer', [
    defineHandler(alarmToBot, ({ message }) => void state.log.push(message)),
    defineHandler(alarmToLog, () => undefined),
  ])
  publisher = createJetStreamPublisher(await stack.as('producer'), { contracts })
  operator = await createClient(url, TOKENS.ada)
  viewer = await createClient(url, TOKENS.bo)
}, DEADLINE_MS)
afterAll(() => stack[Symbol.asyncDispose](), DEADLINE_MS)

async function ended(job: Job): Promise<Job> {
  let now = job
  const isOver = async (): Promise<boolean> => {
    now = (await operator.get<Job>(`/api/jobs/${job.id}`)).body
    return now.endedAtMs !== null
  }
  await waitFor(isOver, { what: 'the job ends', deadlineMs: 30_000 })
  return now
}

test(
  'a dead letter is found, tried dry, redriven to the consumer that failed alone, and handled; each write is on record',
  async () => {
    const { seq: originalSeq } = await publisher.publish(alarmToBot, { message: '<b>first</b>' }, { id: 'id-1' })
    await publisher.publish(alarmToBot, { message: 'second' })
    const problem = (): Promise<boolean> =>
      viewer
        .get<Overview>('/api/overview')
        .then(({ body }) => body.problems.some(({ kind }) => kind === 'dead_letters'))
    await waitFor(problem, { what: 'the overview says so', deadlineMs: 30_000 })
    await waitFor(async () => (await viewer.get<LetterPage>('/api/dead-letters')).body.letters.length === 2)
    expect(state.log).toHaveLength(2)

    const page = (await viewer.get<LetterPage>('/api/dead-letters?limit=1')).body
    expect(page).toMatchObject({ letters: [{ consumer: CONSUMER, app: 'alarm-consumer', originalSeq }], total: 2 })
    const rest = (await viewer.get<LetterPage>(`/api/dead-letters?limit=1&after=${page.next}`)).body
    expect(rest).toMatchObject({ letters: [{ seq: 2 }], next: null })
    const { groups } = (await viewer.get<LetterGroups>('/api/dead-letters/groups')).body
    expect(groups).toMatchObject([{ consumer: CONSUMER, reason: 'handler_gave_up', count: 2 }])
    const detail = (await viewer.get<LetterDetail>('/api/dead-letters/BASQUIAT_STREAM/1')).body
    expect(detail).toMatchObject({ messageId: 'id-1', body: { text: '{"message":"<b>first</b>"}', hidden: [] } })

    const dry = await operator.send<Job>('POST', '/api/dead-letters/redrive', { seqs: [1] })
    expect(dry.status).toBe(202)
    expect(await ended(dry.body)).toMatchObject({ dryRun: true, state: 'done', counts: { redriven: 1 } })
    expect((await viewer.get<LetterPage>('/api/dead-letters')).body.total).toBe(2)

    // Its handler fails again: that is said, and the letter is there again.
    const again = await operator.send<Job>('POST', '/api/dead-letters/redrive', { seqs: [2], dryRun: false })
    expect((await ended(again.body)).outcomes).toMatchObject([{ action: 'redriven', after: 'failed_again' }])

    state.down = false
    const key = groups[0]?.key
    const done = await operator.send<Job>('POST', '/api/dead-letters/redrive', { group: key, dryRun: false })
    expect(await ended(done.body)).toMatchObject({ state: 'done', counts: { redriven: 2 }, outcomesLeftOut: 0 })
    expect((await ended(done.body)).outcomes.map(({ after }) => after)).toEqual(['handled', 'handled'])
    expect(state.bot.sort()).toEqual(['<b>first</b>', 'second'])
    // The other app of the fan-out saw nothing of it.
    expect(state.log).toHaveLength(2)

    const { records } = (await viewer.get<AuditPage>('/api/audit?limit=100')).body
    const ofDone = records.filter(({ action, target }) => action === 'redrive' && target.includes(key ?? '-'))
    expect(ofDone.map(({ outcome, who, role }) => [outcome, who, role])).toEqual([
      ['done', 'ada', 'operator'],
      ['begun', 'ada', 'operator'],
    ])
    expect(ofDone[0]).toMatchObject({ detail: '2 redriven', from: '127.0.0.1' })
  },
  DEADLINE_MS,
)

test('discarding needs a filter, and removes what it says', async () => {
  state.down = true
  await publisher.publish(alarmToBot, { message: 'third' })
  await waitFor(async () => (await viewer.get<LetterPage>('/api/dead-letters')).body.letters.length === 1)
  expect((await operator.send('POST', '/api/dead-letters/discard', { dryRun: false })).status).toBe(400)
  const job = await operator.send<Job>('POST', '/api/dead-letters/discard', { consumer: CONSUMER, dryRun: false })
  expect(await ended(job.body)).toMatchObject({ state: 'done', counts: { discarded: 1 } })
  expect((await viewer.get<LetterPage>('/api/dead-letters')).body.letters).toEqual([])
  state.down = false
})

describe('who may what', () => {
  const writes = [
    ['POST', '/api/dead-letters/redrive'],
    ['POST', '/api/dead-letters/discard'],
    ['DELETE', '/api/jobs/none'],
    ['POST', '/api/channels/alarm-to-bot/messages'],
  ] as const

  test('a stranger sees nothing, a viewer writes nothing, an operator without the right publishes nothing', async () => {
    const stranger = await createClient(url)
    for (const path of ['me', 'overview', 'events', 'dead-letters', 'audit', 'streams', 'channels/alarm-to-bot/tail'])
      expect((await stranger.get(`/api/${path}`)).status, path).toBe(401)
    for (const [method, path] of writes) {
      expect((await stranger.send(method, path, {})).status, path).toBe(401)
      expect(await viewer.send(method, path, {}), path).toMatchObject({ status: 403, body: { title: 'Not allowed' } })
    }
    const body = { message: { message: 'x' } }
    expect((await operator.send('POST', '/api/channels/alarm-to-bot/messages', body)).status).toBe(403)
    expect((await viewer.get('/api/channels/alarm-to-bot/tail?reveal=true')).status).toBe(403)
    expect((await stranger.send('POST', '/api/session', { token: 'wrong' })).status).toBe(401)
  })

  test('a write of another site, or without its token, is refused', async () => {
    const body = { dryRun: true }
    const path = '/api/dead-letters/redrive'
    const refusals = [
      { 'x-csrf-token': 'other' },
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'https://evil.example' },
    ]
    for (const headers of refusals) {
      expect((await operator.send('POST', path, body, headers as Record<string, string>)).status).toBe(403)
    }
    const form = await operator.send('POST', path, body, { 'content-type': 'text/plain' })
    expect(form.status).toBe(415)
    expect((await operator.send('POST', path, body, { 'sec-fetch-site': 'same-origin', origin: url })).status).toBe(202)
  })

  test('logging out ends the session, and its cookie is out of reach for scripts', async () => {
    const client = await createClient(url, TOKENS.bo)
    const login = await client.send('POST', '/api/session', { token: TOKENS.bo })
    expect(login.headers.get('set-cookie')).toMatch(/; HttpOnly; SameSite=Strict/)
    expect((await client.send('DELETE', '/api/session', undefined, { 'x-csrf-token': login.body.csrf })).status).toBe(
      204,
    )
    expect((await client.get('/api/me')).status).toBe(401)
  })

  test('headers: nothing inline, no frame, nothing kept', async () => {
    const { headers } = await viewer.get('/api/overview')
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toContain('unsafe')
    expect(headers.get('cache-control')).toBe('no-store')
  })
})

test('channels, consumers, streams and messages are shown as they are', async () => {
  const { seq, id } = await publisher.publish(alarmToBot, { message: 'fourth' }, { headers: { 'Request-Id': 'req-4' } })
  await waitFor(() => state.bot.includes('fourth'))
  const channel = (await viewer.get<ChannelDetail>('/api/channels/alarm-to-bot')).body
  expect(channel).toMatchObject({ owner: 'alarms', publishers: ['producer'], readers: ['console'], mayPublish: false })
  expect(channel.handlers.map(({ consumer }) => consumer)).toEqual([CONSUMER, 'log-consumer_alarm-to-bot'])
  const settled = async (): Promise<ConsumerDetail> =>
    (await viewer.get<ConsumerDetail>(`/api/consumers/BASQUIAT_STREAM/${CONSUMER}`)).body
  await waitFor(async () => (await settled()).ackFloorSeq >= seq, { deadlineMs: 30_000 })
  const consumer = await settled()
  expect(consumer).toMatchObject({ state: 'running', lag: 0, health: 'ok', problems: [] })
  expect(consumer.configuration.filter(({ differs }) => differs)).toEqual([])
  expect(consumer.configuration).toContainEqual(
    expect.objectContaining({ field: 'filter_subject', live: 'alarm.to.bot', declared: 'alarm.to.bot' }),
  )
  expect(consumer.history.atMs.length).toBe(consumer.history.lag.length)
  expect(consumer.history.atMs.length).toBeGreaterThan(0)
  const { streams } = (await viewer.get<Streams>('/api/streams')).body
  expect(streams.filter(({ plan }) => plan.action !== 'none')).toEqual([])
  expect(streams.find(({ name }) => name === 'BASQUIAT_STREAM')).toMatchObject({ kind: 'channels', exists: true })
  for (const query of [id, 'req-4', `BASQUIAT_STREAM:${seq}`]) {
    const { matches } = (await viewer.get<MessageFound>(`/api/messages/${query}`)).body
    expect(matches, query).toMatchObject([
      { id, seq, channel: 'alarm-to-bot', requestId: 'req-4', log: { answer: 'no-answer' }, deadLetters: [] },
    ])
    expect(matches[0]?.consumers.map((one) => one.state)).toEqual(['settled', 'settled'])
  }
  expect((await viewer.get('/api/channels/nope')).status).toBe(404)
  expect((await viewer.get('/api/consumers/BASQUIAT_STREAM/nope')).status).toBe(404)
  expect((await viewer.get('/api/dead-letters?reason=nope')).body.errors).toMatchObject([{ path: '/reason' }])
})

test('what waits for its time is shown, whoever scheduled it', async () => {
  expect((await viewer.get<Schedules>('/api/schedules')).body).toEqual({
    channels: [{ channel: 'alarm-to-bot', scheduledBy: 'producer', waiting: [], more: false }],
  })
  const at = new Date(Date.now() + 3_600_000)
  await publisher.schedule(alarmToBot, { message: 'later' }, { at }, { id: 'later-1' })
  await publisher.schedule(
    alarmToBot,
    { message: 'daily' },
    { cron: '0 9 * * *', timeZone: 'Asia/Seoul' },
    { id: 'daily-1' },
  )
  const [channel] = (await viewer.get<Schedules>('/api/schedules')).body.channels
  expect(channel?.waiting).toMatchObject([
    { id: 'later-1', atMs: at.getTime(), everyMs: null, cron: null, body: { message: 'later' }, hidden: [] },
    { id: 'daily-1', atMs: null, cron: '0 9 * * *', timeZone: 'Asia/Seoul' },
  ])
  for (const id of ['later-1', 'daily-1']) expect(await publisher.cancel(alarmToBot, id)).toBe(true)
  expect((await viewer.get<Schedules>('/api/schedules')).body.channels[0]?.waiting).toEqual([])
})

test('a tail shows what is published from then on, and goes on behind the last event', async () => {
  const tail = await viewer.events('/api/channels/alarm-to-bot/tail')
  const { seq } = await publisher.publish(alarmToBot, { message: 'fifth' })
  expect(await tail.until('message')).toMatchObject({ seq, body: { message: 'fifth' }, hidden: [] })
  tail.close()
  const next = await publisher.publish(alarmToBot, { message: 'sixth' })
  const again = await viewer.events('/api/channels/alarm-to-bot/tail', { 'last-event-id': String(seq) })
  expect(await again.until('message')).toMatchObject({ seq: next.seq })
  again.close()
})

test('places for readers are bounded and shared', async () => {
  const open = await Promise.all(Array.from({ length: 32 }, () => viewer.events('/api/events')))
  expect(open.every(({ status }) => status === 200)).toBe(true)
  expect((await viewer.get('/api/events')).body).toMatchObject({ status: 503, title: 'Too many read now' })
  // Somebody else takes one over.
  const other = await operator.events('/api/events')
  expect(other.status).toBe(200)
  await other.until('overview')
  for (const one of [...open, other]) one.close()
  await Promise.all(open.map((one) => one.ended))
})

test(
  'numbers move while messages flow; the broker goes away and comes back, and the events say so',
  async () => {
    const events = await viewer.events('/api/events')
    await events.until('overview')
    await publisher.publish(alarmToBot, { message: 'seventh' })
    const isMoving = (change: Partial<Overview>): boolean =>
      change.channels?.some(({ publishedPerSecond }) => publishedPerSecond > 0) ?? false
    await events.until('change', isMoving)
    const revive = await stack.killBroker()
    const isAway = (change: Partial<Overview>): boolean => change.connection?.state === 'disconnected'
    expect(await events.until('change', isAway)).toMatchObject({ problems: [{ kind: 'broker_away' }] })
    expect((await viewer.get('/api/dead-letters')).status).toBe(503)
    await revive()
    await events.until('change', (change) => change.connection?.state === 'connected')
    events.close()
  },
  DEADLINE_MS,
)

describe('in development, without tokens', () => {
  test(
    'it is open to this machine alone, by a name of this machine, and publishes through the producer',
    async () => {
      const { url: open } = await stack.console({ CONSOLE_PRODUCER_URL: 'http://127.0.0.1:9' })
      const client = await createClient(open)
      expect((await client.get('/api/me')).body).toMatchObject({
        development: true,
        role: 'operator',
        mayPublish: true,
      })
      expect((await client.get('/')).body).toMatch(/console/)
      const port = new URL(open).port
      // As a page would that had its own name resolve to here.
      const { status } = await requestAs(open, `evil.example:${port}`)
      expect(status).toBe(401)
      const body = { message: { message: 'x' } }
      const answer = await client.send('POST', '/api/channels/alarm-to-bot/messages', body)
      expect(answer).toMatchObject({ status: 503, body: { detail: expect.stringContaining('producer at') } })
      expect((await client.send('POST', '/api/channels/console-audit/messages', body)).status).toBe(403)
      const { records } = (await client.get<AuditPage>('/api/audit')).body
      expect(records[0]).toMatchObject({
        action: 'publish',
        outcome: 'failed',
        who: 'developer',
        target: 'alarm-to-bot',
      })
    },
    DEADLINE_MS,
  )
})

function requestAs(to: string, host: string): Promise<{ readonly status: number | undefined }> {
  return new Promise((resolve, reject) => {
    httpGet(`${to}/api/overview`, { headers: { host } }, (response) => {
      response.resume()
      resolve({ status: response.statusCode })
    }).on('error', reject)
  })
}
