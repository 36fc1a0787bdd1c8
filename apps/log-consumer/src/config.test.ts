import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from '@alarm-bus/service'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readLogConsumerConfig } from './config.ts'

const TOKEN = 'a-token-of-a-test-that-is-long-enough'
const development = { NODE_ENV: 'development' }
const DATABASE_URL = 'postgres://logs:hunter2@db.example:5433/logs'

function problemsOf(environment: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  try {
    readLogConsumerConfig({ ...development, ...environment })
    return {}
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return Object.fromEntries(error.problems.map(({ variable, problem }) => [variable, problem]))
  }
}

test('without a variable: a file of SQLite, three months and 10 GiB, no token', () => {
  expect(readLogConsumerConfig(development)).toMatchObject({
    storage: { kind: 'sqlite', path: '.data/logs.sqlite' },
    limits: { maxAgeMs: 90 * 86_400_000, maxBytes: 10 * 1024 ** 3 },
    tokens: [],
  })
})

test('with each of them', () => {
  expect(
    readLogConsumerConfig({
      ...development,
      DATABASE_URL,
      LOG_MAX_AGE_DAYS: '7',
      LOG_MAX_MIB: '100',
      LOG_API_TOKENS: `${TOKEN}, ${TOKEN}2`,
    }),
  ).toMatchObject({
    storage: { kind: 'postgres', url: DATABASE_URL },
    limits: { maxAgeMs: 7 * 86_400_000, maxBytes: 100 * 1024 ** 2 },
    tokens: [TOKEN, `${TOKEN}2`],
  })
})

test('every bad variable is listed at once, and no secret is shown', () => {
  const environment = {
    DATABASE_URL: 'mysql://logs:hunter2@db.example/logs',
    LOG_SQLITE_PATH: 'logs.sqlite',
    LOG_MAX_AGE_DAYS: '0',
    LOG_MAX_MIB: '1.5',
    LOG_API_TOKENS: 'hunter2',
  }
  const problems = problemsOf(environment)
  expect(Object.keys(problems).toSorted()).toEqual(Object.keys(environment).toSorted())
  expect(JSON.stringify(problems)).not.toContain('hunter2')
})

test.each(['hunter2', 'postgres://', 'postgres://host', 'postgres://host/'])('DATABASE_URL=%s is refused', (url) => {
  expect(problemsOf({ DATABASE_URL: url })).toEqual({ DATABASE_URL: expect.stringContaining('postgres://user') })
})

describe('NODE_ENV=production', () => {
  const production = { NODE_ENV: 'production', NATS_LOG_CONSUMER_PASSWORD: 'a-real-one' }

  test('needs a token, and one that no other client has', () => {
    expect(problemsOf(production)).toEqual({ LOG_API_TOKENS: expect.stringContaining('anybody could read') })
    expect(problemsOf({ ...production, LOG_API_TOKENS: `dev-only-${TOKEN}` })).toEqual({
      LOG_API_TOKENS: expect.stringContaining('development'),
    })
    expect(problemsOf({ ...production, LOG_API_TOKENS: TOKEN, DATABASE_URL })).toEqual({})
  })

  test.each(['prod', 'Production', 'staging', ''])('so does NODE_ENV=%j', (NODE_ENV) => {
    expect(problemsOf({ ...production, NODE_ENV })).toHaveProperty('LOG_API_TOKENS')
  })

  test('takes secrets from files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'log-consumer-config-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const files = { DATABASE_URL, LOG_API_TOKENS: `${TOKEN},${TOKEN}2`, NATS_LOG_CONSUMER_PASSWORD: 'a-real-one' }
    const environment = Object.entries(files).map(([name, secret]) => {
      writeFileSync(join(folder, name), `${secret}\n`)
      return [`${name}_FILE`, join(folder, name)]
    })
    expect(readLogConsumerConfig({ NODE_ENV: 'production', ...Object.fromEntries(environment) })).toMatchObject({
      storage: { kind: 'postgres', url: DATABASE_URL },
      tokens: [TOKEN, `${TOKEN}2`],
      connection: { auth: { password: 'a-real-one' } },
    })
  })

  test('refuses a database that ends with the process, and a password that anybody knows', () => {
    expect(problemsOf({ ...production, LOG_API_TOKENS: TOKEN, LOG_SQLITE_PATH: ':memory:' })).toEqual({
      LOG_SQLITE_PATH: expect.stringContaining('end with the process'),
    })
    expect(problemsOf({ ...production, LOG_API_TOKENS: TOKEN, DATABASE_URL: 'postgres://a:dev-only-b@c/d' })).toEqual({
      DATABASE_URL: expect.stringContaining('development'),
    })
  })
})
