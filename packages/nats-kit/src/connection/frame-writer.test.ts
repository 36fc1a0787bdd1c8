import { expect, test } from 'vitest'
import type { NatsConnection } from '@nats-io/transport-node'
import { FrameWriter } from './frame-writer.ts'

function fakeClient(state = { closed: false }) {
  const sent: string[] = []
  const protocol = { sendCommand: (frames: string) => void sent.push(frames), outMsgs: 0, outBytes: 0 }
  return { sent, protocol, client: { protocol, isClosed: () => state.closed } as unknown as NatsConnection }
}

const sized = (text: string) => ({ text, byteLength: Buffer.byteLength(text) })

test('what is written in one turn is sent in one piece, in order, and counted', async () => {
  const { client, protocol, sent } = fakeClient()
  const frames = new FrameWriter(client)
  frames.publish('a.b', 're.1', sized('NATS/1.0\r\nA: é\r\n\r\n'), sized('{"x":"🔥"}'))
  frames.ack('$JS.ACK.1')
  expect(sent).toEqual([])
  await Promise.resolve()
  expect(sent).toEqual(['HPUB a.b re.1 19 31\r\nNATS/1.0\r\nA: é\r\n\r\n{"x":"🔥"}\r\nPUB $JS.ACK.1 4\r\n+ACK\r\n'])
  expect(protocol).toMatchObject({ outMsgs: 2, outBytes: 35 })
})

test('a large batch goes out within the turn, and flush sends at once', () => {
  const { client, sent } = fakeClient()
  const frames = new FrameWriter(client)
  frames.publish('a', 'r', sized(''), sized('x'.repeat(40_000)))
  expect(sent).toHaveLength(1)
  frames.ack('r')
  frames.flush()
  frames.flush()
  expect(sent).toHaveLength(2)
})

test('a closed connection takes nothing, and a client without the method is refused', () => {
  const frames = new FrameWriter(fakeClient({ closed: true }).client)
  expect(() => frames.ack('r')).toThrow()
  expect(() => new FrameWriter({} as NatsConnection)).toThrow(/version of the NATS client/)
})
