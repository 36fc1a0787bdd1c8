import { createServer } from 'node:net'
import { type NatsServer, startTestBroker } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { versionOf } from '../src/index.ts'
import { type AppProcess, startApp } from '../src/testing.ts'

const FIXTURE = new URL('fixtures/service.ts', import.meta.url)

let broker: NatsServer
beforeAll(async () => {
  broker = await startTestBroker()
})
afterAll(async () => broker.stop())

function startFixture(environment: Readonly<Record<string, string>> = {}): AppProcess {
  return startApp(FIXTURE, { FIXTURE_PORT: '0', STREAMS: 'apply', NATS_SERVERS: broker.url, ...environment })
}

/** A port on which nothing listens, as good as certain for the time of a test. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('start', () => {
  test('says once where it listens and that it is ready, as JSON lines', async () => {
    await using app = startFixture()
    const listening = await app.line('listening')
    expect(listening).toMatchObject({
      name: 'fixture',
      level: 'info',
      url: `http://127.0.0.1:${String(listening['port'])}`,
      port: expect.any(Number),
    })
    await app.line('ready')
    expect(app.lines.filter(({ event }) => event === 'ready' || event === 'listening')).toHaveLength(2)
    expect(app.lines.some(({ event }) => event === 'notJson' || event === undefined)).toBe(false)
  })

  test('collects once what its start left behind, before the bus starts, where Node was told to', async () => {
    const told = `const { gc } = globalThis
      globalThis.gc = (options) => { console.log(JSON.stringify({ event: 'collected', ...options })); return gc(options) }`
    const NODE_OPTIONS = `--expose-gc --import=data:text/javascript,${encodeURIComponent(told)}`
    await using app = startFixture({ NODE_OPTIONS })
    await app.line('ready')
    const events = app.lines.map(({ event }) => event)
    expect(events.filter((event) => event === 'collected')).toHaveLength(1)
    expect(app.lines.find(({ event }) => event === 'collected')).toMatchObject({ type: 'major' })
    // Nothing of the broker's came before it.
    expect(events.slice(0, 2)).toEqual(['listening', 'collected'])
  })

  test('broker absent: live, not ready, and the end is still orderly', async () => {
    await using app = startFixture({ NATS_SERVERS: `nats://127.0.0.1:${await freePort()}` })
    const url = await app.url()
    await app.line('connectFailed')
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    const response = await fetch(`${url}/readyz`)
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ ready: false, checks: [{ name: 'connection', ok: false }] })
    app.signal('SIGTERM')
    expect(await app.exit(5_000)).toEqual({ code: 0, signal: null })
  })

  test('a bad configuration: one line that lists everything, exit 1', async () => {
    await using app = startFixture({ STREAMS: 'x', FIXTURE_PORT: 'y', NATS_USER: 'u' })
    expect((await app.exit()).code).toBe(1)
    const line = await app.line('badConfiguration')
    expect(line['problems']).toHaveLength(3)
    expect(app.lines).toHaveLength(1)
    expect(app.errorOutput).toBe('')
  })

  test('a taken port: an error with the port and its variable, exit 1, and the broker never hears of it', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    try {
      await using app = startFixture({ FIXTURE_PORT: String(port) })
      expect((await app.exit()).code).toBe(1)
      const line = await app.line('cannotListen')
      expect(line.msg).toContain(`port ${port}`)
      expect(line.msg).toContain('FIXTURE_PORT')
      expect(app.lines.some(({ event }) => event === 'connectionStateChanged')).toBe(false)
    } finally {
      other.close()
    }
  })

  test('an address that is not this machine’s names HTTP_HOST', async () => {
    await using app = startFixture({ HTTP_HOST: '192.0.2.1' })
    expect((await app.exit()).code).toBe(1)
    expect((await app.line('cannotListen')).msg).toContain('HTTP_HOST')
  })

  test('a refused password: logged, exit 1 at once', async () => {
    await using guarded = await startTestBroker({
      configText: 'jetstream {}\nauthorization { users: [{ user: fixture, password: right }] }',
    })
    await using app = startFixture({ NATS_SERVERS: guarded.url, NATS_FIXTURE_PASSWORD: 'wrong' })
    expect(await app.exit(5_000)).toEqual({ code: 1, signal: null })
    expect(await app.line('busFailed')).toMatchObject({ level: 'fatal', code: 'authentication_failed' })
    expect(JSON.stringify(app.lines)).not.toContain('wrong"')

    await using accepted = startFixture({ NATS_SERVERS: guarded.url, NATS_FIXTURE_PASSWORD: 'right' })
    await accepted.line('ready')
  })
})

test('its version is in every log line and in /readyz, and /metrics is for Prometheus', async () => {
  await using app = startFixture()
  const url = await app.url()
  await app.line('ready')
  const version = versionOf(import.meta.url)
  expect(app.lines.filter((line) => line['version'] !== version)).toEqual([])
  expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ app: 'fixture', version, ready: true })
  const response = await fetch(`${url}/metrics`)
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(await response.text()).toContain(`alarm_bus_app_info{app="fixture",version="${version}"} 1`)
})

describe('readiness', () => {
  test('is logged when it changes', async () => {
    const own = await startTestBroker()
    await using app = startFixture({ NATS_SERVERS: own.url })
    await app.line('ready')
    await own.kill()
    expect(await app.line('notReady')).toMatchObject({ level: 'warn', checks: [{ name: 'connection', ok: false }] })
    await using _again = await startTestBroker({ port: own.port, storeDir: own.storeDir })
    const notReadyAt = app.lines.findIndex(({ event }) => event === 'notReady')
    await app.line('ready', { matches: (line) => app.lines.indexOf(line) > notReadyAt })
    await own.stop()
  })
})

describe('end', () => {
  test('a request that hangs: the budget holds, it is said, exit 1', async () => {
    await using app = startFixture({ SHUTDOWN_TIMEOUT_MS: '600' })
    const url = await app.url()
    const hanging = fetch(`${url}/hang`).catch(() => undefined)
    await app.line('hanging')
    app.signal('SIGTERM')
    // Without the budget it would wait for the request, which never ends.
    expect(await app.exit()).toEqual({ code: 1, signal: null })
    expect(await app.line('requestsAbandoned')).toMatchObject({ level: 'error' })
    await hanging
  })

  test('a second signal ends it at once, non-zero', async () => {
    await using app = startFixture({ SHUTDOWN_TIMEOUT_MS: '60000' })
    const url = await app.url()
    const hanging = fetch(`${url}/hang`).catch(() => undefined)
    await app.line('hanging')
    app.signal('SIGTERM')
    await app.line('stopping')
    app.signal('SIGTERM')
    expect(await app.exit(5_000)).toEqual({ code: 143, signal: null })
    await hanging
  })

  test.each([
    ['/throw', 'uncaughtException', 'nobody catches this'],
    ['/reject', 'unhandledRejection', 'nobody awaits this'],
  ])('%s: logged as fatal, an orderly end, exit 1', async (path, event, message) => {
    await using app = startFixture()
    const url = await app.url()
    await app.line('ready')
    await fetch(`${url}${path}`).catch(() => undefined)
    expect(await app.exit()).toEqual({ code: 1, signal: null })
    expect(await app.line(event)).toMatchObject({ level: 'fatal', err: { message } })
    expect(await app.line('busStopped')).toMatchObject({ clean: true })
  })
})

test('what was logged is written, however the process ends right after', async () => {
  await using app = startFixture()
  await fetch(`${await app.url()}/die`).catch(() => undefined)
  expect(await app.exit()).toEqual({ code: null, signal: 'SIGKILL' })
  expect(app.lines.at(-1)).toMatchObject({ event: 'dying' })
})

test('secrets never reach a log line', async () => {
  await using app = startFixture()
  const url = await app.url()
  const secret = 'hunter2'
  await fetch(`${url}/log-secrets`, { headers: { authorization: secret, cookie: secret, 'idempotency-key': secret } })
  await app.line('headers')
  expect(JSON.stringify(app.lines)).not.toContain(secret)
  expect(await app.line('secrets')).toMatchObject({ password: '[redacted]', auth: { token: '[redacted]' } })
})
