import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConfigError, consumerConfig, type Environment, readConfig, serviceConfig } from '../src/index.ts'
import { defaultLogFormat } from '../src/log-format.ts'

const schema = serviceConfig({ app: 'alarm-consumer', defaultPort: 3001, version: '1.2.3' }).and(consumerConfig)
/** On one machine, unless a test says otherwise. */
const read = (environment: Environment) => readConfig(schema, { NODE_ENV: 'development', ...environment })
const SEED = `SU${'A'.repeat(56)}`

function problemsOf(environment: Environment): Record<string, string> {
  try {
    read(environment)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return Object.fromEntries((error as ConfigError).problems.map(({ variable, problem }) => [variable, problem]))
  }
  throw new Error('the configuration was accepted')
}

let folder: string
let file: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'service-config-'))
  file = join(folder, 'some.pem')
  writeFileSync(file, '')
})
afterAll(() => rmSync(folder, { recursive: true }))

test('lines are for a person only in a terminal, and never in production', () => {
  expect(defaultLogFormat(true, false)).toBe('pretty')
  expect(defaultLogFormat(true, true)).toBe('json')
  expect(defaultLogFormat(undefined, false)).toBe('json')
})

test('an empty environment gives the documented defaults, without credentials', () => {
  const defaults = {
    app: 'alarm-consumer',
    version: '1.2.3',
    logLevel: 'info',
    logFormat: 'json',
    http: { host: '127.0.0.1', port: 3001, portVariable: 'ALARM_CONSUMER_PORT' },
    connection: { name: 'alarm-consumer', version: '1.2.3', servers: ['nats://127.0.0.1:4222'] },
    streams: { mode: 'verify', hint: 'run: pnpm ops apply' },
    shutdownTimeoutMs: 10_000,
    telemetry: { traces: undefined, metrics: undefined, ignored: [] },
    // How it consumes besides is the declaration's, or the kit's.
    subscriber: { maxDeliver: 3 },
  }
  expect(read({})).toEqual(defaults)
  expect(read({ NATS_SERVERS: '', NATS_PASSWORD: ' ', STREAMS: '', ALARM_CONSUMER_PORT: '' })).toEqual(defaults)
})

test('every variable is read', () => {
  expect(
    read({
      NATS_SERVERS: 'nats://a:1, b:2,tls://[::1]:3',
      NATS_USER: 'someone',
      NATS_PASSWORD: 'pass',
      NATS_TLS_CA_FILE: file,
      NATS_TLS_CERT_FILE: file,
      NATS_TLS_KEY_FILE: file,
      NATS_TLS_HANDSHAKE_FIRST: 'true',
      STREAMS: 'apply',
      STREAM_REPLICAS: '3',
      HTTP_HOST: '0.0.0.0',
      ALARM_CONSUMER_PORT: '0',
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'pretty',
      SHUTDOWN_TIMEOUT_MS: '5000',
      DELIVERY: 'fan-out',
      MODE: 'push',
      INSTANCE_ID: 'alarm-consumer-0',
      CONCURRENCY: '4',
      MAX_DELIVER: '5',
      ACK_WAIT_MS: '1000',
    }),
  ).toEqual({
    app: 'alarm-consumer',
    version: '1.2.3',
    logLevel: 'debug',
    logFormat: 'pretty',
    http: { host: '0.0.0.0', port: 0, portVariable: 'ALARM_CONSUMER_PORT' },
    connection: {
      version: '1.2.3',
      name: 'alarm-consumer',
      servers: ['nats://a:1', 'b:2', 'tls://[::1]:3'],
      auth: { user: 'someone', password: 'pass' },
      tls: { caFile: file, certFile: file, keyFile: file, handshakeFirst: true },
    },
    streams: { mode: 'apply', replicas: 3, hint: 'run: pnpm ops apply' },
    shutdownTimeoutMs: 5_000,
    telemetry: { traces: undefined, metrics: undefined, ignored: [] },
    subscriber: {
      delivery: 'fan-out',
      mode: 'push',
      instanceId: 'alarm-consumer-0',
      concurrency: 4,
      maxDeliver: 5,
      ackWaitMs: 1_000,
    },
  })
})

describe('credentials', () => {
  const authOf = (environment: Environment) => read(environment).connection.auth

  test('one .env file serves all apps: each has a password variable and is its own user', () => {
    expect(authOf({ NATS_PRODUCER_PASSWORD: 'p', NATS_ALARM_CONSUMER_PASSWORD: 'a' })).toEqual({
      user: 'alarm-consumer',
      password: 'a',
    })
    expect(authOf({ NATS_ALARM_CONSUMER_PASSWORD: 'a', NATS_PASSWORD: 'b' })).toEqual({
      user: 'alarm-consumer',
      password: 'b',
    })
    expect(authOf({ NATS_PRODUCER_PASSWORD: 'p' })).toBeUndefined()
  })

  test('token, nkey seed and creds file come before the app’s password', () => {
    const own = { NATS_ALARM_CONSUMER_PASSWORD: 'a' }
    expect(authOf({ ...own, NATS_TOKEN: 't' })).toEqual({ token: 't' })
    expect(authOf({ ...own, NATS_NKEY_SEED: SEED })).toEqual({ nkeySeed: SEED })
    expect(authOf({ ...own, NATS_CREDS_FILE: file })).toEqual({ credsFile: file })
  })

  test('two ways, or a user without a password, are refused', () => {
    expect(problemsOf({ NATS_TOKEN: 't', NATS_PASSWORD: 'p' })).toEqual({
      NATS_TOKEN: expect.stringContaining('beside NATS_PASSWORD'),
    })
    expect(problemsOf({ NATS_USER: 'u' })).toEqual({
      NATS_USER: expect.stringContaining('NATS_ALARM_CONSUMER_PASSWORD'),
    })
    expect(problemsOf({ NATS_USER: 'u', NATS_TOKEN: 't' })).toEqual({
      NATS_USER: expect.stringContaining('needs no user'),
    })
  })
})

test('every bad variable is listed at once, with what is allowed', () => {
  const environment = {
    NATS_SERVERS: 'nats://user:hunter2@host:4222,http://other',
    NATS_NKEY_SEED: 'not-a-seed',
    NATS_TOKEN: 'hunter3',
    NATS_CREDS_FILE: '/nowhere/creds',
    NATS_TLS_CERT_FILE: file,
    STREAMS: 'maybe',
    STREAM_REPLICAS: '2',
    HTTP_HOST: 'a host',
    ALARM_CONSUMER_PORT: '70000',
    LOG_LEVEL: 'loud',
    LOG_FORMAT: 'xml',
    SHUTDOWN_TIMEOUT_MS: '10s',
    DELIVERY: 'fan-out',
    MODE: 'pull-push',
    CONCURRENCY: '0',
    MAX_DELIVER: '1.5',
    ACK_WAIT_MS: '-1',
  }
  const problems = problemsOf(environment)
  expect(Object.keys(problems).toSorted()).toEqual(
    [
      ...Object.keys(environment).filter((name) => !['DELIVERY', 'NATS_TLS_CERT_FILE', 'NATS_TOKEN'].includes(name)),
      'INSTANCE_ID',
      'NATS_TLS_KEY_FILE',
    ].toSorted(),
  )
  expect(problems).toMatchObject({
    STREAMS: 'must be one of verify, apply, not "maybe"',
    STREAM_REPLICAS: 'must be one of 1, 3, 5, not "2"',
    ALARM_CONSUMER_PORT: 'must be a whole number from 0 to 65535, not "70000"',
    SHUTDOWN_TIMEOUT_MS: 'must be a whole number from 100 to 600000, not "10s"',
    MODE: 'must be one of pull, push, not "pull-push"',
  })
  expect(JSON.stringify(problems)).not.toMatch(/hunter|not-a-seed/)
})

test.each([
  ['nats://user:hunter2@host:4222', 'carries credentials'],
  ['hunter2@host', 'carries credentials'],
  ['http://host:4222', 'is not an address'],
  ['nats://', 'is not an address'],
  ['nats://host:99999', 'is not an address'],
  [',', 'at least one server'],
])('NATS_SERVERS=%s is refused without showing it', (server, problem) => {
  const { NATS_SERVERS: said } = problemsOf({ NATS_SERVERS: server })
  expect(said).toContain(problem)
  expect(said).not.toContain('hunter2')
})

describe('NODE_ENV=production refuses what is unsafe there, and says what to do', () => {
  const NODE_ENV = 'production'

  test('a password of the development set-up', () => {
    expect(problemsOf({ NODE_ENV, NATS_ALARM_CONSUMER_PASSWORD: 'dev-only-alarm' })).toEqual({
      NATS_ALARM_CONSUMER_PASSWORD: expect.stringContaining('set one of your own'),
    })
    expect(problemsOf({ NODE_ENV, NATS_PASSWORD: 'dev-only' })).toEqual({
      NATS_PASSWORD: expect.not.stringContaining('dev-only"'),
    })
  })

  test('STREAMS=apply: there an administrator applies, and the apps look', () => {
    const secret = { NODE_ENV, NATS_PASSWORD: 'a-real-one' }
    expect(problemsOf({ ...secret, STREAMS: 'apply' })).toEqual({
      STREAMS: expect.stringContaining('use verify, and run: pnpm ops apply'),
    })
    expect(read({ ...secret, STREAMS: 'verify' }).streams.mode).toBe('verify')
    expect(read({ NATS_PASSWORD: 'x', STREAMS: 'apply' }).streams.mode).toBe('apply')
  })

  test('no credentials, and LOG_LEVEL=trace, both at once', () => {
    expect(problemsOf({ NODE_ENV, LOG_LEVEL: 'trace' })).toEqual({
      NATS_ALARM_CONSUMER_PASSWORD: expect.stringContaining('NATS_CREDS_FILE'),
      LOG_LEVEL: expect.stringContaining('use info'),
    })
  })

  test('beside another bad variable all of it is listed', () => {
    expect(Object.keys(problemsOf({ NODE_ENV, STREAMS: 'x', LOG_LEVEL: 'trace' })).toSorted()).toEqual([
      'LOG_LEVEL',
      'NATS_ALARM_CONSUMER_PASSWORD',
      'STREAMS',
    ])
  })

  test('only in development and in tests they are allowed', () => {
    const unsafe = { NATS_PASSWORD: 'dev-only', LOG_LEVEL: 'trace', STREAMS: 'apply' }
    for (const mode of ['development', 'test']) expect(read({ ...unsafe, NODE_ENV: mode }).logLevel).toBe('trace')
    for (const mode of [undefined, '', 'prod', 'Production', 'staging', 'Development', ' test']) {
      const problems = problemsOf({ ...unsafe, NODE_ENV: mode })
      expect(Object.keys(problems).toSorted(), mode).toEqual(['LOG_LEVEL', 'NATS_PASSWORD', 'STREAMS'])
      for (const said of Object.values(problems)) expect(said).toContain('anything but development and test')
    }
    expect(read({ NODE_ENV, NATS_PASSWORD: 'a real one' }).connection.auth).toBeDefined()
  })
})

describe('a secret from a file', () => {
  const fileOf = (name: string, content: string): string => {
    const path = join(folder, name)
    writeFileSync(path, content, { mode: 0o600 })
    return path
  }

  test('each secret there is: the last line break is no part of it', () => {
    const password = fileOf('password', 'hunter2\n')
    const auth = (environment: Environment) => read(environment).connection.auth
    expect(auth({ NATS_ALARM_CONSUMER_PASSWORD_FILE: password })).toEqual({
      user: 'alarm-consumer',
      password: 'hunter2',
    })
    expect(auth({ NATS_USER: 'a', NATS_PASSWORD_FILE: password })).toEqual({ user: 'a', password: 'hunter2' })
    expect(auth({ NATS_TOKEN_FILE: password })).toEqual({ token: 'hunter2' })
    expect(auth({ NATS_NKEY_SEED_FILE: fileOf('seed', `${SEED}\n`) })).toEqual({ nkeySeed: SEED })
    // What is no secret comes from no file.
    expect(read({ LOG_LEVEL_FILE: fileOf('level', 'trace') }).logLevel).toBe('info')
  })

  test('problems name the variable of the file, all at once, and show neither the content nor the path', () => {
    const path = fileOf('hunter2', 'hunter2')
    const problems = problemsOf({
      NODE_ENV: 'production',
      NATS_NKEY_SEED_FILE: path,
      NATS_ALARM_CONSUMER_PASSWORD: 'x',
      NATS_ALARM_CONSUMER_PASSWORD_FILE: path,
      STREAMS: 'x',
    })
    expect(problems).toEqual({
      NATS_NKEY_SEED_FILE: expect.stringContaining('must be a user nkey seed'),
      NATS_ALARM_CONSUMER_PASSWORD_FILE: 'is set beside NATS_ALARM_CONSUMER_PASSWORD; give one of them',
      STREAMS: expect.stringContaining('must be one of'),
    })
    expect(problemsOf({ NODE_ENV: 'production', NATS_ALARM_CONSUMER_PASSWORD_FILE: join(folder, 'none') })).toEqual({
      NATS_ALARM_CONSUMER_PASSWORD_FILE: expect.stringContaining('cannot be read (ENOENT)'),
    })
    expect(problemsOf({ NODE_ENV: 'production', NATS_PASSWORD_FILE: fileOf('dev', 'dev-only-x') })).toEqual({
      NATS_PASSWORD_FILE: expect.stringContaining('of the development set-up'),
    })
    expect(JSON.stringify(problems)).not.toContain('hunter2')
  })
})
