import type { Msg } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { collectLogs } from '../testing.ts'
import { Envelope } from './envelope.ts'
import { LastSequences } from '../sources/heartbeat.ts'

const SCOPE = { channel: 'channel', logger: collectLogs() }
const FIRST_SHAPE = '$JS.ACK.STREAM.consumer.3.17.5.1700000000123456789.9'
const SECOND_SHAPE = '$JS.ACK.hub.ACCOUNTHASH.STREAM.consumer.3.17.5.1700000000123456789.9.token'

test.each([FIRST_SHAPE, SECOND_SHAPE])('reads the metadata of %s', (reply) => {
  const delivery = new Envelope({ reply, subject: 's' } as Msg, SCOPE)
  const { stream, consumer, deliveryCount, seq } = delivery
  expect({ stream, consumer, deliveryCount, seq }).toEqual({
    stream: 'STREAM',
    consumer: 'consumer',
    deliveryCount: 3,
    seq: 17,
  })
  expect(delivery.storedAt.toISOString()).toBe('2023-11-14T22:13:20.123Z')
  const sequences = new LastSequences()
  sequences.ofMessage({ reply } as Msg)
  expect(sequences.read()).toEqual({ lastStreamSequence: 17, lastConsumerSequence: 5 })
})

test('the signal aborts whether it was asked for before or after', () => {
  const make = () => new Envelope({ reply: FIRST_SHAPE, subject: 's' } as Msg, SCOPE)
  const before = make()
  const { signal } = before
  before.abort(new Error('time is up'))
  expect([signal.aborted, (signal.reason as Error).message]).toEqual([true, 'time is up'])
  const after = make()
  after.abort(new Error('time is up'))
  expect(after.signal.aborted).toBe(true)
})

test('every listener is told when the message is taken back, as of a handler within another', () => {
  const told: string[] = []
  const envelope = new Envelope({ reply: FIRST_SHAPE, subject: 's' } as Msg, SCOPE)
  envelope.onTakenBack(() => told.push('outer'))
  envelope.onTakenBack(() => told.push('inner'))
  envelope.takeBack()
  expect(told).toEqual(['outer', 'inner'])
})

const received = (headerBlock: string | Uint8Array, body = ''): Msg => {
  const block = Buffer.from(headerBlock as never)
  const stored = { _msg: { hdr: block.length }, _rdata: Buffer.concat([block, Buffer.from(body)]) }
  return { reply: FIRST_SHAPE, subject: 's', data: Buffer.from(body), ...stored } as unknown as Msg
}

test.each([
  ['a blank in a name', 'NATS/1.0\r\ntrace id: 1\r\n\r\n', [['trace id', '1']]],
  ['a name that is not ASCII', 'NATS/1.0\r\nKäse: 1\r\n\r\n', [['Käse', '1']]],
  ['a bare line feed', 'NATS/1.0\r\ntrace: a\nb\r\n\r\n', [['trace', 'a\nb']]],
  ['a line without a colon', 'NATS/1.0\r\nodd\r\na: b\r\n\r\n', [['a', 'b']]],
  ['a status', 'NATS/1.0 503 none\r\n\r\n', []],
  ['no version', 'a: b\r\nc: d\r\n\r\n', [['c', 'd']]],
])('%s is read, and the block is known not to be plain', (_what, block, lines) => {
  const envelope = new Envelope(received(block, 'body'), SCOPE)
  expect(envelope.headers).toEqual({ lines, isPlain: false })
  expect(Buffer.from(envelope.headerBytes ?? []).toString()).toBe(block)
})

test('a plain block gives its lines and their first values', () => {
  const envelope = new Envelope(received('NATS/1.0\r\na: 1\r\na: 2\r\nNats-TTL: 1m30s\r\n\r\n'), SCOPE)
  expect([envelope.headers.isPlain, envelope.header('a'), envelope.header('b')]).toEqual([true, '1', undefined])
  const storedMs = envelope.storedAt.getTime()
  expect(Math.round(envelope.leavesInMs(3_600_000, storedMs + 30_000))).toBe(60_000)
  expect(Math.round(envelope.leavesInMs(40_000, storedMs + 30_000))).toBe(10_000)
})
