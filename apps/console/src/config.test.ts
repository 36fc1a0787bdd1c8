import { createHash } from 'node:crypto'
import { ConfigError } from '@alarm-bus/service'
import { expect, test } from 'vitest'
import { personWith } from './auth/people.ts'
import { readConsoleConfig } from './config.ts'

const token = 't'.repeat(32)
const production = { NODE_ENV: 'production', NATS_SERVERS: 'tls://broker:4222', NATS_CONSOLE_PASSWORD: 'p'.repeat(32) }

function problemsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    readConsoleConfig(environment)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.filter(({ variable }) => variable === 'CONSOLE_TOKENS').map(({ problem }) => problem)
  }
}

test.each([{}, { NODE_ENV: 'staging' }, production])('without tokens %j does not start', (environment) => {
  expect(problemsOf(environment)).toEqual([expect.stringMatching(/^is not set; anybody could redrive and discard/)])
})

test('a token of a development set-up, a short one, an unknown role and a missing name are refused, without the token', () => {
  const secret = 'dev-only-0123456789012345678901234567'
  for (const tokens of [
    `ada:operator:${secret}`,
    'ada:operator:short',
    `ada:admin:${token}`,
    `:viewer:${token}`,
    ',',
  ]) {
    const [problem = ''] = problemsOf({ ...production, CONSOLE_TOKENS: tokens })
    expect(problem, tokens).not.toBe('')
    expect(problem).not.toContain(secret)
    expect(problem).not.toContain(token)
  }
})

test('people are told apart by their tokens, given as they are or as hashes', () => {
  const other = 'o'.repeat(40)
  const hash = `sha256:${createHash('sha256').update(other).digest('hex')}`
  const { tokens } = readConsoleConfig({
    ...production,
    CONSOLE_TOKENS: `ada:operator+publish:${token},bo:viewer:${hash}`,
  })
  expect(personWith(tokens, token)).toEqual({ name: 'ada', role: 'operator', mayPublish: true })
  expect(personWith(tokens, other)).toEqual({ name: 'bo', role: 'viewer', mayPublish: false })
  expect(personWith(tokens, hash)).toBeUndefined()
  expect(personWith(tokens, '')).toBeUndefined()
})
