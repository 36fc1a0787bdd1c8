import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nkeys } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { connect, type ConnectionOptions, KitErrorCode, KitEvents } from '../src/index.ts'
import { collectLogs, waitFor } from '../src/testing.ts'
import { freePort, onEnd, open, openWithStreams, startBroker } from './harness.ts'

async function attempt(options: Partial<ConnectionOptions> & { servers: string[] }) {
  const connection = await connect({ name: 'test', reconnectDelayMs: 50, ...options }, { logger: collectLogs() })
  onEnd(() => connection.close(1_000))
  return connection
}

test('at boot it keeps trying, visibly, until the broker is there', async () => {
  const port = await freePort()
  const logs = collectLogs()
  const connecting = connect({ servers: [`127.0.0.1:${port}`], name: 'early', reconnectDelayMs: 20 }, { logger: logs })
  await waitFor(() => logs.lines.filter((line) => line.fields['event'] === 'connectFailed').length >= 2)
  await startBroker({ port })
  const connection = await connecting
  onEnd(() => connection.close(1_000))
  expect(connection.state).toBe('connected')
  expect(logs.lines[0]).toMatchObject({
    level: 'warn',
    fields: { attempt: 1, error: expect.stringMatching(/refused/i) },
  })
})

test('the broker is shown the app with its version, and nothing else is called after it', async () => {
  const broker = await startBroker()
  const connection = await attempt({ servers: [broker.url], name: 'my-app', version: '1.2.3' })
  const response = await fetch(`${broker.monitorUrl}/connz`)
  expect(await response.json()).toMatchObject({ connections: [{ name: 'my-app@1.2.3' }] })
  expect([connection.name, connection.inboxPrefix]).toEqual(['my-app', '_INBOX_my-app'])
})

test('waiting for a broker can be called off', async () => {
  const calledOff = new AbortController()
  const connecting = connect(
    { servers: [`127.0.0.1:${await freePort()}`], name: 'early', reconnectDelayMs: 60_000 },
    { logger: collectLogs(), signal: calledOff.signal },
  )
  calledOff.abort()
  await expect(connecting).rejects.toMatchObject({ code: KitErrorCode.Closed })
})

test('bad credentials fail at once, and no secret is in what is said', async () => {
  const { url } = await startBroker({ configText: 'authorization { user: app, password: right }' })
  const logs = collectLogs()
  const error = await connect(
    { servers: [url], name: 'app', auth: { user: 'app', password: 'wr0ng-s3cret' } },
    { logger: logs },
  ).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: KitErrorCode.AuthenticationFailed })
  expect(JSON.stringify([String(error), logs.lines])).not.toContain('wr0ng-s3cret')
  expect(logs.lines.filter((line) => line.fields['event'] === 'connectFailed')).toEqual([])
})

test('token, user and password, and nkey seed are accepted', async () => {
  const user = nkeys.createUser()
  const token = await startBroker({ configText: 'authorization { token: "t0ken" }' })
  const password = await startBroker({ configText: 'authorization { user: app, password: right }' })
  const nkey = await startBroker({ configText: `authorization { users = [ { nkey: ${user.getPublicKey()} } ] }` })
  await attempt({ servers: [token.url], auth: { token: 't0ken' } })
  await attempt({ servers: [password.url], auth: { user: 'app', password: 'right' } })
  await attempt({ servers: [nkey.url], auth: { nkeySeed: new TextDecoder().decode(user.getSeed()) } })
  await expect(
    attempt({ servers: [nkey.url], auth: { nkeySeed: new TextDecoder().decode(nkeys.createUser().getSeed()) } }),
  ).rejects.toMatchObject({
    code: KitErrorCode.AuthenticationFailed,
  })
})

test('a credentials file proves the key that is in it', async () => {
  const user = nkeys.createUser()
  const { url } = await startBroker({
    configText: `authorization { users = [ { nkey: ${user.getPublicKey()} } ] }`,
  })
  const folder = mkdtempSync(join(tmpdir(), 'kit-creds-'))
  onEnd(async () => rmSync(folder, { recursive: true }))
  const credsFile = (name: string, seed: Uint8Array): string => {
    const lines = ['-----BEGIN NATS USER JWT-----', 'eyJ0eXAiOiJKV1QifQ.e30.x', '------END NATS USER JWT------', '']
    const key = ['-----BEGIN USER NKEY SEED-----', new TextDecoder().decode(seed), '------END USER NKEY SEED------', '']
    writeFileSync(join(folder, name), [...lines, ...key].join('\n'))
    return join(folder, name)
  }
  expect((await attempt({ servers: [url], auth: { credsFile: credsFile('right', user.getSeed()) } })).state).toBe(
    'connected',
  )
  const other = credsFile('wrong', nkeys.createUser().getSeed())
  await expect(attempt({ servers: [url], auth: { credsFile: other } })).rejects.toMatchObject({
    code: KitErrorCode.AuthenticationFailed,
  })
})

test.each([
  ['an address with credentials', { servers: ['nats://u:p4ss@host:4222'] }, /carries credentials/],
  ['an address that is none', { servers: ['http://host'] }, /not an address/],
  ['two ways to authenticate', { servers: ['h'], auth: { token: 't', user: 'u', password: 'p' } as never }, /one way/],
  [
    'a credentials file that is not there',
    { servers: ['h'], auth: { credsFile: '/nowhere/x.creds' } },
    /credentials file \/nowhere/,
  ],
  ['a TLS file that is not there', { servers: ['h'], tls: { caFile: '/nowhere/ca.pem' } }, /TLS file \/nowhere/],
  ['an inbox prefix with a wildcard', { servers: ['h'], inboxPrefix: 'a.>' }, /inbox prefix/],
])('refuses %s', async (_, options, message) => {
  const error = await attempt(options).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: KitErrorCode.InvalidOptions, message: expect.stringMatching(message) })
  expect(String(error)).not.toContain('p4ss')
})

test('TLS: the right authority is trusted, another is not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kit-tls-'))
  onEnd(async () => rmSync(folder, { recursive: true }))
  const file = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' })
  for (const name of ['ca', 'other']) {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '1',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      file(`${name}.key`),
      '-out',
      file(`${name}.pem`),
    )
  }
  writeFileSync(file('ext'), 'subjectAltName=DNS:localhost')
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    '/CN=broker',
    '-keyout',
    file('broker.key'),
    '-out',
    file('broker.csr'),
  )
  openssl(
    'x509',
    '-req',
    '-in',
    file('broker.csr'),
    '-CA',
    file('ca.pem'),
    '-CAkey',
    file('ca.key'),
    '-CAcreateserial',
    '-days',
    '1',
    '-extfile',
    file('ext'),
    '-out',
    file('broker.pem'),
  )
  const { port } = await startBroker({
    configText: `tls { cert_file: "${file('broker.pem')}", key_file: "${file('broker.key')}" }`,
  })
  // By name: for an address the client checks the certificate against "localhost" all the same.
  const url = `tls://localhost:${port}`
  expect((await attempt({ servers: [url], tls: { caFile: file('ca.pem') } })).state).toBe('connected')
  const logs = collectLogs()
  const calledOff = new AbortController()
  const refused = connect(
    { servers: [url], name: 'x', reconnectDelayMs: 20, tls: { caFile: file('other.pem') } },
    { logger: logs, signal: calledOff.signal },
  )
  await waitFor(() => logs.lines.some((line) => /certificate|self.signed|verify/i.test(String(line.fields['error']))))
  calledOff.abort()
  await expect(refused).rejects.toMatchObject({ code: KitErrorCode.Closed })
})

test('every change of the connection’s state is a log line and an event', async () => {
  const first = await startBroker()
  const events = new KitEvents()
  const logs = collectLogs()
  const states: string[] = []
  events.on('connectionStateChanged', ({ state }) => states.push(state))
  const connection = await connect({ servers: [first.url], name: 'x', reconnectDelayMs: 20 }, { logger: logs, events })
  onEnd(() => connection.close(1_000))
  await first.kill()
  await waitFor(() => connection.state === 'disconnected')
  await startBroker({ port: first.port, storeDir: first.storeDir })
  await waitFor(() => connection.state === 'connected')
  await connection.close(1_000)
  expect(states).toEqual(['connecting', 'connected', 'disconnected', 'connected', 'closed'])
  const logged = logs.lines
    .filter((line) => line.fields['event'] === 'connectionStateChanged')
    .map((line) => line.fields['state'])
  expect(logged).toEqual(['connected', 'disconnected', 'connected', 'closed'])
  expect(await connection.closed).toBeUndefined()
})

test('a frozen broker is noticed by its missing pongs', async () => {
  const frozen = await startBroker()
  const connection = await open(frozen, { pingIntervalMs: 100, maxPingsOut: 2 })
  await frozen.pause()
  onEnd(async () => frozen.resume())
  await waitFor(() => connection.state === 'disconnected')
  expect(connection.logs.lines.some((line) => line.fields['event'] === 'staleConnection')).toBe(true)
  frozen.resume()
  await waitFor(() => connection.state === 'connected')
})

test('errorOccurred: what the broker refuses is an event and a log line with subject and operation', async () => {
  const { url } = await startBroker({
    configText:
      'authorization { users = [ { user: a, password: b, permissions: { publish: "ok.>", subscribe: "_INBOX_a.>" } } ] }',
  })
  const connection = await open({ url }, { name: 'a', inboxPrefix: '_INBOX_a', auth: { user: 'a', password: 'b' } })
  const seen: unknown[] = []
  connection.events.on('errorOccurred', (detail) => seen.push(detail))
  connection.client.publish('forbidden', 'x')
  await waitFor(() => seen.length === 1)
  expect(seen).toEqual([
    { error: expect.stringContaining('Permissions Violation'), operation: 'publish', subject: 'forbidden' },
  ])
  expect(connection.logs.lines.find((line) => line.fields['event'] === 'errorOccurred')).toMatchObject({
    level: 'error',
    fields: { subject: 'forbidden' },
  })
})

test('slowConsumerDetected: subject and pending messages against their limit', async () => {
  const { url } = await startBroker()
  const connection = await open({ url })
  const seen: { subject: string; pendingMessages: number; pendingMessagesLimit?: number; dropped: number }[] = []
  connection.events.on('slowConsumerDetected', (detail) => seen.push(detail))
  connection.client.subscribe('flood', { slow: 5 })
  for (let i = 0; i < 20; i++) connection.client.publish('flood', 'x')
  await waitFor(() => seen.length === 1)
  expect(seen[0]).toMatchObject({ subject: 'flood', pendingMessagesLimit: 5, dropped: 0 })
  expect(seen[0]?.pendingMessages).toBeGreaterThan(5)
})

test('exceptionOccurred: a listener that throws is reported and stops nothing', async () => {
  const { url } = await startBroker()
  const { connection, toBot, contracts } = await openWithStreams({ url })
  const { createJetStreamPublisher } = await import('../src/index.ts')
  const seen: { error: Error; during: string }[] = []
  connection.events.on('exceptionOccurred', (detail) => seen.push(detail))
  connection.events.on('duplicateDetected', () => {
    throw new Error('listener bug')
  })
  const publisher = createJetStreamPublisher(connection, { contracts })
  onEnd(() => publisher.close())
  await publisher.publish(toBot, { message: 'x' }, { id: 'a' })
  expect((await publisher.publish(toBot, { message: 'x' }, { id: 'a' })).duplicate).toBe(true)
  expect(seen).toEqual([
    { error: expect.objectContaining({ message: 'listener bug' }), during: 'a listener of duplicateDetected' },
  ])
})

test.each(['pull', 'push'] as const)(
  'heartbeatAlarm, %s: a consumer that goes silent, with the last sequences seen',
  async (mode) => {
    const frozen = await startBroker()
    const { connection, contracts, toBot, stream } = await openWithStreams(frozen)
    const { createJetStreamPublisher, createSubscriber, defineHandler } = await import('../src/index.ts')
    const handled: number[] = []
    const subscriber = createSubscriber(connection, {
      contracts,
      app: 'app',
      mode,
      delivery: 'fan-out',
      instanceId: '0',
      idleHeartbeatMs: 100,
      handlers: [defineHandler(toBot, (_, context) => void handled.push(context.seq))],
    })
    onEnd(() => subscriber.stop(1_000))
    subscriber.start()
    const publisher = createJetStreamPublisher(connection, { contracts })
    onEnd(() => publisher.close())
    await publisher.publish(toBot, { message: 'x' })
    await waitFor(() => handled.length === 1)
    const alarms: unknown[] = []
    connection.events.on('heartbeatAlarm', (detail) => detail.consumer === 'app_to-bot_0' && alarms.push(detail))
    // Frozen for less than the connection takes to be given up: the consumer alone is noticed.
    await frozen.pause()
    onEnd(async () => frozen.resume())
    await waitFor(() => alarms.length === 1)
    frozen.resume()
    expect(alarms).toEqual([
      {
        stream: stream.name,
        consumer: 'app_to-bot_0',
        lastStreamSequence: 1,
        lastConsumerSequence: 1,
        silentMs: expect.any(Number),
      },
    ])
    await waitFor(() => subscriber.checks()[0]?.ok)
  },
)

test('a user who is removed: closed for good, with the reason', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kit-reload-'))
  onEnd(async () => rmSync(folder, { recursive: true }))
  const conf = join(folder, 'nats.conf')
  const users = (...names: string[]) =>
    writeFileSync(
      conf,
      `authorization { users = [ ${names.map((name) => `{ user: ${name}, password: p }`).join(', ')} ] }`,
    )
  users('a', 'b')
  const started = await startBroker({ config: conf })
  const connection = await open(started, { auth: { user: 'a', password: 'p' } })
  users('b')
  process.kill(started.pid, 'SIGHUP')
  expect(await connection.closed).toMatchObject({ code: KitErrorCode.AuthenticationFailed })
  expect(connection.logs.lines.some((line) => line.level === 'error' && line.fields['state'] === 'closed')).toBe(true)
})
