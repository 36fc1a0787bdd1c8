import { waitFor } from '@alarm-bus/nats-kit/testing'
import { describe, expect, test, vi } from 'vitest'
import { type Answer, startReceiver, status } from './support/receiver.ts'
import { PATH_SECRET, startScene, TOKEN } from './support/scene.ts'

// A scene is a broker and a process; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 90_000 })

const PAST = { date: 'Mon, 30 Nov 2026 12:00:00 GMT', 'retry-after': 'Mon, 30 Nov 2026 11:00:00 GMT' }

/** The app with one sink, where any failure that counts would be a dead letter at once. */
async function startWith(answer: Answer, sink: 'slack' | 'discord' | 'telegram', more: Record<string, string> = {}) {
  const receiver = await startReceiver(answer)
  const scene = await startScene({
    MAX_DELIVER: '1',
    ALARM_SINKS: sink,
    ALARM_SLACK_URL: `${receiver.url}/${PATH_SECRET}`,
    ALARM_DISCORD_URL: `${receiver.url}/${PATH_SECRET}`,
    ALARM_TELEGRAM_API_URL: receiver.url,
    ALARM_TELEGRAM_TOKEN: TOKEN,
    ALARM_TELEGRAM_CHAT_ID: '-100',
    ...more,
  })
  return {
    ...scene,
    receiver,
    async [Symbol.asyncDispose]() {
      await scene[Symbol.asyncDispose]()
      await receiver[Symbol.asyncDispose]()
    },
  }
}

describe('a sink that has enough costs no delivery, however often it says so', () => {
  test.each([
    ['429 and no wait', 429, { 'retry-after': '0' }, ''],
    ['429 and a wait that has passed', 429, PAST, ''],
    ['503 and no wait', 503, { 'retry-after': '0' }, ''],
    ['503 and a wait that has passed', 503, PAST, ''],
    ['429 without a hint', 429, {}, ''],
    ['429 and a body of another kind', 429, {}, '<html>Too Many Requests</html>'],
  ])('%s', async (_, code, headers, body) => {
    let hadEnough = true
    const answer: Answer = (...call) => status(hadEnough ? code : 200, hadEnough ? headers : {}, body)(...call)
    await using scene = await startWith(answer, 'discord', { ALARM_CIRCUIT_PAUSE_MS: '30' })
    await scene.publish('a', 'b')
    await waitFor(() => scene.receiver.received.length >= 8, { deadlineMs: 30_000 })
    const asked = scene.app.lines.filter(({ event }) => event === 'sinkAsksToWait')
    // Each wait in a row is the pause of the sink's circuit, doubled.
    expect(asked.slice(0, 4).map((line) => line['waitMs'])).toEqual([30, 60, 120, 240])
    hadEnough = false
    await waitFor(async () => (await scene.consumerInfo()).ack_floor.stream_seq === 2, { deadlineMs: 30_000 })
    expect(await scene.deadLetters()).toEqual([])
  })
})

test('the wait in the body of a 429 is kept', async () => {
  const body = '{"message":"rate limited","retry_after":0.4,"global":true}'
  await using scene = await startWith(status(429, {}, body), 'discord')
  await scene.publish('a')
  expect(await scene.app.line('sinkAsksToWait')).toMatchObject({ sink: 'discord', askedMs: 400, waitMs: 400 })
  // Between header and body the longer one counts.
  await using both = await startWith(status(429, { 'retry-after': '1' }, '{"retry_after":40.5}'), 'discord')
  await both.publish('a')
  expect(await both.app.line('sinkAsksToWait')).toMatchObject({ askedMs: 40_500, waitMs: 40_500 })
  expect(await both.app.line('retryScheduled')).toMatchObject({ delayMs: 40_500 })
})

test.each([
  ['body', {}, '{"ok":false,"error_code":429,"parameters":{"retry_after":86400}}'],
  ['header', { 'retry-after': '86400' }, ''],
])('a day is asked for in the %s: 15 minutes, and both are said', async (_, headers, body) => {
  await using scene = await startWith(status(429, headers, body), 'telegram')
  await scene.publish('a')
  expect(await scene.app.line('sinkAsksToWait')).toMatchObject({ askedMs: 86_400_000, waitMs: 900_000 })
  expect(await scene.app.line('retryScheduled')).toMatchObject({ delayMs: 900_000 })
  expect(await scene.deadLetters()).toEqual([])
})

test('a group that has become a supergroup: the dead letter says which id to set', async () => {
  const body = JSON.stringify({
    ok: false,
    error_code: 400,
    description: `Bad Request: group chat was upgraded to a supergroup chat ${PATH_SECRET}`,
    parameters: { migrate_to_chat_id: -1_001_234_567_890 },
  })
  await using scene = await startWith(status(400, {}, body), 'telegram')
  await scene.publish('a')
  await waitFor(async () => (await scene.deadLetters()).length === 1)
  expect((await scene.deadLetters())[0]?.error).toBe(
    'telegram refused the alarm: 400; its group is a supergroup now, with another id: set ALARM_TELEGRAM_CHAT_ID=-1001234567890',
  )
})
