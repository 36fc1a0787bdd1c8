import { once } from 'node:events'
import { connect as dial } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, type ConnectionTls, KitErrorCode } from '../../src/index.ts'
import { collectLogs, waitFor } from '../../src/testing.ts'
import { onEnd } from '../harness.ts'
import { startKillableBroker } from './support/broker.ts'
import { type Certificates, makeCertificates } from './support/certificates.ts'
import { judge } from './support/judge.ts'
import { drained, setScene, stored, subscribe } from './support/scene.ts'
import { attempt } from './support/writers.ts'

let certificates: Certificates

beforeAll(() => {
  certificates = makeCertificates()
})

afterAll(() => certificates?.remove())

interface Refusal {
  readonly client: string
  readonly broker: 'valid' | 'expired' | 'plain'
  readonly tls: 'ca' | 'stranger' | undefined
  readonly says: RegExp
}

test.each<Refusal>([
  { client: 'trusts another authority', broker: 'valid', tls: 'stranger', says: /certificate|verify/i },
  { client: 'trusts nobody in particular', broker: 'valid', tls: undefined, says: /certificate|verify/i },
  { client: 'meets a certificate that has expired', broker: 'expired', tls: 'ca', says: /expired/i },
  { client: 'wants TLS of a broker without', broker: 'plain', tls: 'ca', says: /tls/i },
])('a client that $client is refused, the log says why, and nothing is sent', async ({ broker: kind, tls, says }) => {
  const broker = await startKillableBroker(kind === 'plain' ? {} : { configText: certificates[kind] })
  onEnd(() => broker.stop())
  const logger = collectLogs()
  const calledOff = new AbortController()
  const options: { tls?: ConnectionTls } = tls === undefined ? {} : { tls: { caFile: certificates[tls] } }
  const servers = [`nats://localhost:${broker.port}`]
  const connecting = connect(
    { servers, name: 'app', reconnectDelayMs: 20, ...options },
    { logger, signal: calledOff.signal },
  )
  connecting.catch(() => undefined)
  const failures = () => logger.lines.filter((line) => line.fields['event'] === 'connectFailed')
  await waitFor(() => failures().length >= 2, { what: 'two refusals' })
  expect(String(failures()[0]?.fields['error'])).toMatch(says)
  calledOff.abort()
  await expect(connecting).rejects.toMatchObject({ code: KitErrorCode.Closed })
  expect(logger.lines.some((line) => line.fields['state'] === 'connected')).toBe(false)
})

test('a client that speaks without TLS all the same is not listened to', async () => {
  const broker = await startKillableBroker({ configText: certificates.valid })
  onEnd(() => broker.stop())
  const socket = dial(broker.port, '127.0.0.1')
  onEnd(async () => socket.destroy())
  let heard = ''
  socket.on('data', (bytes) => (heard += bytes.toString('latin1')))
  socket.on('error', () => undefined)
  await waitFor(() => heard.includes('\r\n'), { what: 'the broker’s first line' })
  expect(JSON.parse(heard.slice('INFO '.length))).toMatchObject({ tls_required: true })
  socket.write('CONNECT {"verbose":true}\r\nPUB anything 1\r\nx\r\nPING\r\n')
  await once(socket, 'close')
  expect(heard).not.toMatch(/\+OK|PONG/)
})

test('the broker comes back with an expired certificate: nothing passes until it has a good one again', async () => {
  const { ca, valid, expired } = certificates
  const broker = await startKillableBroker({ configText: valid })
  let current = broker
  onEnd(() => current.stop())
  const { storeDir } = broker.current
  const scene = await setScene({
    servers: [`tls://localhost:${broker.port}`],
    onEnd,
    connection: { tls: { caFile: ca } },
    publisher: { budgetMs: 20_000 },
  })
  const { journal, connection } = scene
  const consuming = await scene.open({ name: 'app' })
  await subscribe(scene, consuming, { onEnd })
  for (let i = 0; i < 20; i++) expect(await attempt(`before-${i}`, scene.publish, journal)).toBeUndefined()
  await broker.kill()
  current = await startKillableBroker({ configText: expired, port: broker.port, storeDir })
  await waitFor(() => connection.state === 'disconnected')
  const waiting = Promise.all(Array.from({ length: 20 }, (_, i) => attempt(`meanwhile-${i}`, scene.publish, journal)))
  const impatient = scene.publisherOn(connection, { budgetMs: 500 })
  expect(await attempt('impatient', impatient, journal)).toMatchObject({ code: KitErrorCode.BrokerUnavailable })
  expect(journal.count('acked')).toBe(20)
  await current.kill()
  current = await startKillableBroker({ configText: valid, port: broker.port, storeDir })
  expect((await waiting).filter((error) => error !== undefined)).toEqual([])
  await drained(scene, consuming)
  expect(await stored(scene, consuming)).toBe(40)
  judge('expired certificate', journal)
})
