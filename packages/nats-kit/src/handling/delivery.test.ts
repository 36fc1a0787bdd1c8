import type { Msg } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { collectLogs } from '../testing.ts'
import { Delivery } from './delivery.ts'
import { LastSequences } from '../sources/heartbeat.ts'

const FIRST_SHAPE = '$JS.ACK.STREAM.consumer.3.17.5.1700000000123456789.9'
const SECOND_SHAPE = '$JS.ACK.hub.ACCOUNTHASH.STREAM.consumer.3.17.5.1700000000123456789.9.token'

test.each([FIRST_SHAPE, SECOND_SHAPE])('reads the metadata of %s', (reply) => {
  const delivery = new Delivery({ reply, subject: 's' } as Msg, { channel: 'channel', logger: collectLogs() })
  const { stream, consumer, deliveryCount, seq, consumerSeq } = delivery
  expect({ stream, consumer, deliveryCount, seq, consumerSeq }).toEqual({
    stream: 'STREAM',
    consumer: 'consumer',
    deliveryCount: 3,
    seq: 17,
    consumerSeq: 5,
  })
  expect(delivery.storedAt.toISOString()).toBe('2023-11-14T22:13:20.123Z')
  const sequences = new LastSequences()
  sequences.ofMessage({ reply } as Msg)
  expect(sequences.read()).toEqual({ lastStreamSequence: 17, lastConsumerSequence: 5 })
})

test('the signal aborts whether it was asked for before or after', () => {
  const make = () =>
    new Delivery({ reply: FIRST_SHAPE, subject: 's' } as Msg, { channel: 'channel', logger: collectLogs() })
  const before = make()
  const { signal } = before
  before.abort(new Error('time is up'))
  expect([signal.aborted, (signal.reason as Error).message]).toEqual([true, 'time is up'])
  const after = make()
  after.abort(new Error('time is up'))
  expect(after.signal.aborted).toBe(true)
})
