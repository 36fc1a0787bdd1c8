import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { alarmToBot, type App, contracts } from '@alarm-bus/contracts'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { expect, onTestFinished, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { applyStreams } from '../src/index.ts'
import { authOf, startBroker, type TestBroker, wholeConf } from './harness.ts'
import { consumersOf } from './neighbours.ts'

const STREAM = 'BASQUIAT_STREAM'
const MIB = 1024 * 1024
const apps = await readApps()
const [hostile] = apps.filter(({ handles }) => handles.length > 0) as [App]
const [well] = apps.filter(({ publishes }) => publishes.includes(alarmToBot)) as [App]
const conf = wholeConf()
const limitOf = (pattern: RegExp): number => Number(pattern.exec(conf)?.[1])
const SERVER_CONNECTIONS = limitOf(/^max_connections: (\d+)/m)
const APP_CONNECTIONS = limitOf(/^ {2,4}limits \{ max_connections: (\d+), max_subscriptions: 5000/m)

async function start(): Promise<TestBroker> {
  const broker = await startBroker()
  onTestFinished(() => broker[Symbol.asyncDispose]())
  await applyStreams({ servers: [broker.server.url], auth: authOf('admin'), streams: contracts.streams })
  return broker
}

/** Sockets that the broker has greeted, or cut. */
async function openSockets({ server }: TestBroker, count: number): Promise<readonly Socket[]> {
  const sockets = Array.from({ length: count }, () => connectTcp(server.port, '127.0.0.1').on('error', () => undefined))
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()))
  await Promise.all(sockets.map((socket) => Promise.race([once(socket, 'data'), once(socket, 'close')])))
  return sockets
}

function login(socket: Socket, { name }: App, more = ''): void {
  const { user, password } = authOf(name)
  socket.write(`CONNECT {"verbose":false,"user":"${user}","pass":"${password}"}\r\n${more}PING\r\n`)
}

/** Connects, and stores a message. */
async function isServed(broker: TestBroker, app: App): Promise<void> {
  const client = await broker.raw(app.name)
  const stored = await client.request(app.publishes[0]?.subject ?? '', '{}', { timeout: 10_000 })
  expect(stored.json()).toMatchObject({ stream: STREAM })
}

test('the server takes twice the connections that all accounts may have together', () => {
  const bus = limitOf(/^ *limits \{ max_connections: (\d+), max_subscriptions: 10000/m)
  expect([APP_CONNECTIONS, bus].every((limit) => limit > 0)).toBe(true)
  expect(SERVER_CONNECTIONS).toBeGreaterThanOrEqual(2 * (apps.length * APP_CONNECTIONS + bus))
})

test('connections without a login, as many as all accounts may have: an app still connects, and they are cut', async () => {
  const broker = await start()
  const sockets = await openSockets(broker, apps.length * APP_CONNECTIONS + 500)
  expect(sockets.filter(({ readyState }) => readyState === 'open').length).toBeGreaterThan(500)
  await isServed(broker, well)
  await waitFor(() => sockets.every(({ destroyed, readableEnded }) => destroyed || readableEnded), {
    deadlineMs: 20_000,
  })
})

test('an app has its connections, and no more; another one connects', async () => {
  const broker = await start()
  const sockets = await openSockets(broker, APP_CONNECTIONS + 10)
  const said = sockets.map((socket) => {
    let text = ''
    socket.on('data', (data) => (text += String(data)))
    login(socket, hostile)
    return () => text
  })
  await waitFor(() => said.every((text) => /PONG|-ERR/.test(text())))
  expect(said.filter((text) => text().includes('maximum account active connections exceeded'))).toHaveLength(10)
  await isServed(broker, well)
})

test('an app that does not read what it asks for leaves memory for the others', async () => {
  const broker = await start()
  const writer = await broker.raw(well.name)
  const client = await broker.raw(hostile.name)
  const [{ durable, channel }] = consumersOf(hostile) as [ReturnType<typeof consumersOf>[number]]
  const body = 'x'.repeat(60 * 1024)
  for (let i = 0; i < 500; i++) await writer.request(channel.subject, body)
  const config = { name: durable, durable_name: durable, ack_policy: 'none', filter_subject: channel.subject }
  // What it declares ops makes; this one has no acks, so that nothing bounds what it is sent.
  await (
    await broker.raw('admin')
  ).request(
    `$JS.API.CONSUMER.CREATE.${STREAM}.${durable}.${channel.subject}`,
    JSON.stringify({ stream_name: STREAM, config }),
  )
  const sockets = await openSockets(broker, APP_CONNECTIONS - 5)
  for (const socket of sockets) login(socket, hostile, `SUB _INBOX_${hostile.name}.unread 1\r\n`)
  await Promise.all(sockets.map((socket) => once(socket, 'data')))
  for (const socket of sockets) socket.pause()
  // Each of them is to be sent all 30 MiB.
  client.publish(`$JS.API.CONSUMER.MSG.NEXT.${STREAM}.${durable}`, '{"batch":1000,"no_wait":true}', {
    reply: `_INBOX_${hostile.name}.unread`,
  })
  await client.flush()
  const cut = async () => {
    const varz = await fetch(new URL('/varz', broker.server.monitorUrl))
    return ((await varz.json()) as { slow_consumers: number }).slow_consumers
  }
  await waitFor(async () => (await cut()) >= sockets.length, { deadlineMs: 60_000 })
  await isServed(broker, well)
  // The most that its process ever had, below what compose gives it: 1 GiB.
  const most = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${broker.server.pid}/status`, 'utf8'))?.[1]) * 1_024
  expect(most / MIB).toBeLessThan(900)
}, 120_000)
