import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readAlarmConsumerConfig } from '../src/config.ts'

const SLACK = 'https://hooks.example.com/services/T0/B0/verysecretpath'
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const TOKEN = '123456:AAverysecrettokenverysecrettoken'

const read = (environment: Record<string, string>) =>
  readAlarmConsumerConfig({ NODE_ENV: 'development', ...environment }).sinks

/** The problems by variable. */
function problems(environment: Record<string, string>): Record<string, string> {
  try {
    read(environment)
    return {}
  } catch (error) {
    const text = JSON.stringify(error) + String(error)
    for (const secret of ['verysecret', SECRET.slice(6, 20)]) expect(text).not.toContain(secret)
    const { problems: found } = error as { problems: { variable: string; problem: string }[] }
    return Object.fromEntries(found.map(({ variable, problem }) => [variable, problem]))
  }
}

test('console alone is the default', () => {
  expect(read({})).toMatchObject({
    names: ['console'],
    connectTimeoutMs: 3_000,
    totalTimeoutMs: 10_000,
    circuit: { failures: 5, firstPauseMs: 5_000 },
  })
})

test('several sinks at once, each with its own', () => {
  const sinks = read({
    ALARM_SINKS: 'slack, discord,webhook,telegram',
    ALARM_SLACK_URL: SLACK,
    ALARM_DISCORD_URL: 'https://discord.com/api/webhooks/1/x',
    ALARM_WEBHOOK_URL: 'https://example.com/alarms',
    ALARM_WEBHOOK_SECRET: SECRET,
    ALARM_TELEGRAM_TOKEN: TOKEN,
    ALARM_TELEGRAM_CHAT_ID: '-1001234',
  })
  expect(sinks.names).toEqual(['slack', 'discord', 'webhook', 'telegram'])
  expect(sinks.slackUrl?.href).toBe(SLACK)
  expect(sinks.webhook?.secret).toEqual(Buffer.alloc(32, 7))
  expect(sinks.telegram).toEqual({ apiUrl: new URL('https://api.telegram.org'), token: TOKEN, chatId: '-1001234' })
})

test.each(['x', 'slack,slack', ','])('ALARM_SINKS=%s', (names) => {
  expect(problems({ ALARM_SINKS: names, ALARM_SLACK_URL: SLACK })).toEqual({
    ALARM_SINKS: 'must be some of console, slack, discord, webhook, telegram, each once, with commas between them',
  })
})

test('a sink without its settings names what is missing, all of it', () => {
  const missing = problems({ ALARM_SINKS: 'slack,discord,webhook,telegram' })
  expect(Object.keys(missing).toSorted()).toEqual([
    'ALARM_DISCORD_URL',
    'ALARM_SLACK_URL',
    'ALARM_TELEGRAM_CHAT_ID',
    'ALARM_TELEGRAM_TOKEN',
    'ALARM_WEBHOOK_SECRET',
    'ALARM_WEBHOOK_URL',
  ])
  expect(missing['ALARM_SLACK_URL']).toBe('is not set, but ALARM_SINKS has slack, which needs it')
})

test('bad values are described and never shown', () => {
  const environment = {
    ALARM_SINKS: 'slack,discord,webhook,telegram',
    ALARM_SLACK_URL: 'ftp://verysecret',
    ALARM_DISCORD_URL: 'https://user:verysecret@example.com/',
    ALARM_WEBHOOK_URL: 'verysecret',
    ALARM_WEBHOOK_SECRET: 'verysecret',
    ALARM_TELEGRAM_TOKEN: 'verysecret',
    ALARM_TELEGRAM_CHAT_ID: 'very secret',
  }
  expect(Object.keys(problems(environment)).toSorted()).toEqual(
    Object.keys(environment)
      .filter((name) => name !== 'ALARM_SINKS')
      .toSorted(),
  )
})

const withUrl = (url: string, more: Record<string, string> = {}) =>
  problems({ ALARM_SINKS: 'slack', ALARM_SLACK_URL: url, ...more })['ALARM_SLACK_URL']

test('http:// only where it is allowed', () => {
  expect(withUrl('http://example.com/verysecret')).toMatch(/^must begin with https/)
  expect(withUrl('http://example.com/verysecret', { ALARM_ALLOW_HTTP: 'true' })).toBeUndefined()
})

test.each(['127.0.0.1', '10.0.0.1', '[::1]', '[fd00::1]', '0x7f.1', '2130706433'])('https://%s: private', (host) => {
  expect(withUrl(`https://${host}/verysecret`)).toMatch(/^names a private address/)
  const canonical = new URL(`https://${host}`).hostname.replace(/^\[|\]$/g, '')
  expect(withUrl(`https://${host}/verysecret`, { ALARM_PRIVATE_HOSTS: canonical })).toBeUndefined()
  expect(withUrl(`https://${host}/verysecret`, { ALARM_PRIVATE_HOSTS: '*' })).toBeUndefined()
})

test.each(['169.254.169.254', '0.0.0.0', '[::ffff:127.0.0.1]', '[fe80::1]', '[::]'])('https://%s: never', (host) => {
  expect(withUrl(`https://${host}/verysecret`, { ALARM_PRIVATE_HOSTS: '*' })).toMatch(
    /^names an address that no webhook/,
  )
})

test('production refuses what is unsafe', () => {
  const production = { NODE_ENV: 'production', NATS_ALARM_CONSUMER_PASSWORD: 'p-1234' }
  expect(problems(production)).toEqual({})
  expect(
    Object.keys(problems({ ...production, ALARM_ALLOW_HTTP: 'true', ALARM_PRIVATE_HOSTS: '*' })).toSorted(),
  ).toEqual(['ALARM_ALLOW_HTTP', 'ALARM_PRIVATE_HOSTS'])
  expect(problems({ ...production, ALARM_PRIVATE_HOSTS: 'chat.internal' })).toEqual({})
  for (const NODE_ENV of ['', 'prod', 'staging', 'Production'])
    expect(problems({ ...production, NODE_ENV, ALARM_ALLOW_HTTP: 'true' })).toHaveProperty('ALARM_ALLOW_HTTP')
})

test('every secret of a sink may come from a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'alarm-consumer-config-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const secrets = {
    ALARM_SLACK_URL: SLACK,
    ALARM_DISCORD_URL: `${SLACK}/discord`,
    ALARM_WEBHOOK_URL: `${SLACK}/webhook`,
    ALARM_WEBHOOK_SECRET: SECRET,
    ALARM_TELEGRAM_TOKEN: TOKEN,
    ALARM_TELEGRAM_CHAT_ID: '-100',
  }
  const files = Object.entries(secrets).map(([name, secret]) => {
    writeFileSync(join(folder, name), `${secret}\n`)
    return [`${name}_FILE`, join(folder, name)]
  })
  const names = { ALARM_SINKS: 'slack,discord,webhook,telegram' }
  expect(read({ ...names, ...Object.fromEntries(files) })).toEqual({
    ...read({ ...names, ...secrets }),
    mayBePrivate: expect.any(Function),
  })
  expect(problems({ ...names, ...secrets, ALARM_SLACK_URL: '', ALARM_SLACK_URL_FILE: '/verysecret' })).toEqual({
    ALARM_SLACK_URL_FILE: expect.stringContaining('cannot be read'),
  })
})

test('troubles of the bus are told of unless that is switched off', () => {
  const of = (environment: Record<string, string>) =>
    readAlarmConsumerConfig({ NODE_ENV: 'test', NATS_SERVERS: 'nats://127.0.0.1', ...environment }).busAlerts
  expect(of({})).toEqual({ on: true, pauseMs: 300_000 })
  expect(of({ ALARM_BUS_ALERTS: 'off', ALARM_BUS_ALERTS_PAUSE_MS: '1000' })).toEqual({ on: false, pauseMs: 1_000 })
  expect(problems({ ALARM_BUS_ALERTS: 'no', ALARM_BUS_ALERTS_PAUSE_MS: '10' })).toEqual({
    ALARM_BUS_ALERTS: expect.stringContaining('on, off'),
    ALARM_BUS_ALERTS_PAUSE_MS: expect.stringContaining('1000'),
  })
})
