import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { listDeadLetters, redriveDeadLetters, showDeadLetter } from '../src/admin.ts'
import { createJetStreamPublisher, createSubscriber, defineHandler } from '../src/index.ts'
import { waitFor } from '../src/testing.ts'
import { manager, onEnd, openWithStreams, useBroker } from './harness.ts'

const broker = useBroker()

/** Header blocks that the server stores and the client throws at, and some that say what they should not. */
const BLOCKS: Readonly<Record<string, string>> = {
  'a blank in a name': 'NATS/1.0\r\ntrace id: 1\r\n\r\n',
  'a name that is not ASCII': 'NATS/1.0\r\nK\u00e4se: 1\r\n\r\n',
  'a bare line feed in a value': 'NATS/1.0\r\ntrace: a\nb\r\n\r\n',
  'a status': 'NATS/1.0 503 No Responders\r\n\r\n',
  'no version': 'nothing\r\n\r\n',
  'bytes that are not UTF-8': 'NATS/1.0\r\na: \xff\xfe\r\n\r\n',
  'plain, with what a letter says of itself':
    'NATS/1.0\r\nDead-Letter-Parts: 7\r\nRedrive-Count: 99\r\nNats-x: 1\r\na: b\r\n\r\n',
}
const BODIES = ['{"message":"fine"}', '{"no":"message"}', 'no json']

function frame(subject: string, block: string, body: string): Buffer {
  const head = Buffer.from(block, 'latin1')
  return Buffer.concat([
    Buffer.from(`HPUB ${subject} ${head.length} ${head.length + body.length}\r\n`),
    head,
    Buffer.from(`${body}\r\n`),
  ])
}

/** Writes as a client that checks nothing. Resolves once the server has read it. */
async function writeRaw(url: string, frames: readonly Buffer[]): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.once('data', () => {
      socket.write('CONNECT {"headers":true,"verbose":false,"pedantic":false,"lang":"raw","version":"0"}\r\n')
      for (const each of frames) socket.write(each)
      socket.write('PING\r\n')
      socket.on('data', (data) => data.includes('PONG') && resolve())
    })
  })
  socket.end()
}

test('headers that the client cannot read cost neither the connection, nor their message, nor the next one', async () => {
  const { connection, contracts, toBot, stream } = await openWithStreams(broker.current)
  const handled: string[] = []
  const read: unknown[] = []
  const states: string[] = []
  connection.events.on('connectionStateChanged', ({ state }) => states.push(state))
  let isRedriven = false
  const subscriber = createSubscriber(connection, {
    contracts,
    app: 'app',
    maxDeliver: 2,
    retry: { baseMs: 10 },
    handlers: [
      defineHandler(toBot, ({ message }, context) => {
        if (isRedriven) read.push([context.seq, context.header('Redrive-Count')])
        read.push([context.id, context.header('trace id'), context.header('a')])
        // What fails goes through every error path, which log and keep the headers.
        if (message === 'fine' && !isRedriven) throw new Error('not yet')
        handled.push(message)
      }),
    ],
  })
  onEnd(() => subscriber.stop(2_000))
  subscriber.start()
  await waitFor(() => subscriber.checks().every(({ ok }) => ok))
  const cases = Object.values(BLOCKS).flatMap((block) => BODIES.map((body) => ({ block, body })))
  const frames = cases.flatMap(({ block, body }, i) => [
    frame(toBot.subject, block, body),
    frame(toBot.subject, 'NATS/1.0\r\n\r\n', `{"message":"behind ${i}"}`),
  ])
  await writeRaw(broker.current.url, frames)
  const jsm = await manager(connection)
  const isSettled = async (): Promise<boolean> => {
    const info = await jsm.consumers.info(stream.name, 'app_to-bot')
    return info.num_pending === 0 && info.num_ack_pending === 0 && info.delivered.stream_seq === frames.length
  }
  await waitFor(isSettled, { deadlineMs: 30_000 })
  expect(handled.toSorted()).toEqual(cases.map((_, i) => `behind ${i}`).toSorted())
  const letters = new Map<number, { readonly seq: number; readonly reason: string }>()
  for await (const letter of listDeadLetters(connection, stream.name)) letters.set(letter.original.seq, letter)
  expect(letters.size).toBe(cases.length)
  for (const [i, { block, body }] of cases.entries()) {
    const found = letters.get(2 * i + 1)
    expect(found?.reason, `${block} ${body}`).toBe(body === BODIES[0] ? 'deliveries_exhausted' : 'invalid_message')
    const letter = await showDeadLetter(connection, stream.name, found?.seq ?? 0)
    expect(Buffer.from(letter?.original.data ?? []).toString()).toBe(body)
    // The server itself keeps no block that has a status and no line.
    const stored = block === BLOCKS['a status'] ? '' : block
    expect(Buffer.from(letter?.original.headerBytes ?? []).toString('latin1')).toBe(stored)
    expect(letter?.entry.redrives).toBe(0)
  }
  // Redriven, each reaches its handler as it was.
  isRedriven = true
  const before = handled.length
  const report = await redriveDeadLetters(
    connection,
    stream.name,
    { reason: 'deliveries_exhausted' },
    { dryRun: false, ratePerSecond: 1_000 },
  )
  expect(report.redriven).toBe(Object.keys(BLOCKS).length)
  await waitFor(() => handled.length === before + report.redriven)
  expect(read).toContainEqual([undefined, '1', undefined])
  expect(read).toContainEqual([undefined, undefined, 'b'])
  expect(read).toContainEqual([1, '1'])
  expect(states).toEqual([])
  expect(subscriber.checks().filter(({ ok }) => !ok)).toEqual([])
})

test('headers on a push consumer’s own subject that the client cannot read end no reader', async () => {
  const { connection, contracts, toBot, stream } = await openWithStreams(broker.current)
  const handled: string[] = []
  const handlers = [defineHandler(toBot, ({ message }) => void handled.push(message))]
  const subscriber = createSubscriber(connection, { contracts, app: 'app', mode: 'push', handlers })
  onEnd(() => subscriber.stop(2_000))
  subscriber.start()
  await waitFor(() => subscriber.checks().every(({ ok }) => ok))
  const { config } = await (await manager(connection)).consumers.info(stream.name, 'app_to-bot')
  const odd = BLOCKS['a blank in a name'] as string
  await writeRaw(broker.current.url, [frame(config.deliver_subject as string, odd, 'x')])
  const said = () => connection.logs.lines.some(({ fields }) => fields['event'] === 'messageUnreadable')
  await waitFor(said)
  await writeRaw(broker.current.url, [frame(toBot.subject, 'NATS/1.0\r\n\r\n', '{"message":"behind"}')])
  await waitFor(() => handled.length === 1)
  expect([handled, connection.state]).toEqual([['behind'], 'connected'])
})

test('what another consumer delivers to a push consumer’s subject reaches no handler and is not acknowledged', async () => {
  const { connection, contracts, stream, toBot } = await openWithStreams(broker.current)
  const handled: string[] = []
  const handlers = [defineHandler(toBot, ({ message }, { consumer }) => void handled.push(`${consumer} ${message}`))]
  const subscriber = createSubscriber(connection, { contracts, app: 'app', mode: 'push', handlers })
  onEnd(() => subscriber.stop(1_000))
  subscriber.start()
  const jsm = await manager(connection)
  const own = `app_${toBot.name}`
  await waitFor(async () => (await jsm.consumers.info(stream.name, own).catch(() => undefined))?.push_bound)
  const { config } = await jsm.consumers.info(stream.name, own)
  const to = config.deliver_subject as string
  await jsm.consumers.add(stream.name, {
    ...config,
    name: 'another',
    durable_name: 'another',
    deliver_subject: to,
  })
  const publisher = createJetStreamPublisher(connection, { contracts })
  onEnd(() => publisher.close())
  for (const message of ['first', 'second']) await publisher.publish(toBot, { message })
  const said = () => connection.logs.lines.filter(({ fields }) => fields['event'] === 'foreignDelivery')
  await waitFor(() => said().length > 0 && handled.length === 2)
  await waitFor(async () => (await jsm.consumers.info(stream.name, own)).ack_floor.stream_seq === 2)
  const other = await jsm.consumers.info(stream.name, 'another')
  expect({ acks: other.ack_floor.stream_seq, delivered: other.delivered.stream_seq }).toEqual({ acks: 0, delivered: 2 })
  expect(handled).toEqual([`${own} first`, `${own} second`])
  expect(said()).toHaveLength(1)
})
