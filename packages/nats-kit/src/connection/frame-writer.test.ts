import { expect, test } from 'vitest'
import type { NatsConnection } from '@nats-io/transport-node'
import { FrameWriter } from './frame-writer.ts'

function fakeClient(state = { closed: false }) {
  const sent: string[] = []
  const sendCommand = (frames: string | Uint8Array) => void sent.push(Buffer.from(frames as string).toString())
  const protocol = { sendCommand, outMsgs: 0, outBytes: 0 }
  return { sent, protocol, client: { protocol, isClosed: () => state.closed } as unknown as NatsConnection }
}

const sized = (text: string) => ({ text, byteLength: Buffer.byteLength(text) })

/** When the event loop has come round. */
const endOfTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** When no promise is left to go on with; the event loop has not come round. */
const endOfPromises = () => new Promise<void>((resolve) => process.nextTick(() => process.nextTick(resolve)))

test('what is written in one turn is sent in one piece, in order, and counted', async () => {
  const { client, protocol, sent } = fakeClient()
  const frames = new FrameWriter(client)
  frames.publish('a.b', 're.1', sized('NATS/1.0\r\nA: é\r\n\r\n'), sized('{"x":"🔥"}'))
  await Promise.resolve()
  frames.publish('a.b', '', sized('NATS/1.0\r\n\r\n'), sized('{}'))
  expect(sent).toEqual([])
  await endOfPromises()
  expect(sent).toEqual([
    'HPUB a.b re.1 19 31\r\nNATS/1.0\r\nA: é\r\n\r\n{"x":"🔥"}\r\nHPUB a.b 12 14\r\nNATS/1.0\r\n\r\n{}\r\n',
  ])
  expect(protocol).toMatchObject({ outMsgs: 2, outBytes: 45 })
})

test('acks wait for the end of the turn, or go with the messages before it', async () => {
  const { client, protocol, sent } = fakeClient()
  const frames = new FrameWriter(client)
  frames.ack(Buffer.from('$JS.ACK.1'))
  await endOfPromises()
  frames.ack(Buffer.from('$JS.ACK.é'))
  await endOfPromises()
  expect(sent).toEqual([])
  await endOfTurn()
  const acks = 'PUB $JS.ACK.1 4\r\n+ACK\r\nPUB $JS.ACK.é 4\r\n+ACK\r\n'
  expect(sent).toEqual([acks])
  frames.ack(Buffer.from('$JS.ACK.1'))
  frames.publish('a', 'r', undefined, sized('{}'))
  frames.ack(Buffer.from('$JS.ACK.é'))
  await endOfPromises()
  expect(sent).toEqual([acks, 'PUB a r 2\r\n{}\r\n', acks])
  expect(protocol).toMatchObject({ outMsgs: 5, outBytes: 18 })
})

test('as many acks as there are, and none twice', async () => {
  const { client, sent } = fakeClient()
  const frames = new FrameWriter(client)
  const replies = Array.from({ length: 1_000 }, (_, n) => `$JS.ACK.${n}.${'é'.repeat(n % 70)}`)
  for (const reply of replies) frames.ack(Buffer.from(reply))
  await endOfTurn()
  expect(sent.join('')).toBe(replies.map((reply) => `PUB ${reply} 4\r\n+ACK\r\n`).join(''))
  frames.flush()
  expect(sent.length).toBeLessThan(10)
})

test('a large batch goes out within the turn, and flush sends at once', () => {
  const { client, sent } = fakeClient()
  const frames = new FrameWriter(client)
  frames.publish('a', 'r', sized(''), sized('x'.repeat(40_000)))
  expect(sent).toHaveLength(1)
  frames.ack(Buffer.from('r'))
  frames.flush()
  frames.flush()
  expect(sent).toHaveLength(2)
})

test('a closed connection takes nothing, and a client without the method is refused', () => {
  const frames = new FrameWriter(fakeClient({ closed: true }).client)
  expect(() => frames.ack(Buffer.from('r'))).toThrow()
  expect(() => new FrameWriter({} as NatsConnection)).toThrow(/version of the NATS client/)
})
