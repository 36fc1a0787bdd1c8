import { expect, test } from 'vitest'
import { AckNumbers, FIRST_OF_CONSUMER, FIRST_OF_MESSAGE, isAckSubject } from './ack-subject.ts'

const SUBJECTS: readonly (readonly [reply: string, firsts: number])[] = [
  ['$JS.ACK.STREAM.consumer.1.17.5.1700000000123456789.9', FIRST_OF_MESSAGE],
  ['$JS.ACK.STREAM.consumer.11.17.5.1700000000123456789.9', 0],
  ['$JS.ACK.STREAM.consumer.2.1.15.1700000000123456789.9', 0],
  ['$JS.ACK.STREAM.consumer.1.17.1.1700000000123456789.9', FIRST_OF_MESSAGE | FIRST_OF_CONSUMER],
  ['$JS.ACK.STREAM.consumer.2.17.1.1700000000123456789.9', FIRST_OF_CONSUMER],
  ['$JS.ACK.hub.HASH.STREAM.consumer.1.17.5.1700000000123456789.9.token', FIRST_OF_MESSAGE],
  ['$JS.ACK.hub.HASH.STREAM.consumer.3.17.1.1700000000123456789.9.token', FIRST_OF_CONSUMER],
  ['$JS.ACK.STREAM.consumer.', 0],
  ['$JS.ACK.STREAM.consumer.1', 0],
  ['$JS.ACK.', 0],
  ['', 0],
]

test.each(SUBJECTS)('%s: %d', (reply, firsts) => {
  expect(new AckNumbers('STREAM', 'consumer').firstsOf(Buffer.from(reply))).toBe(firsts)
})

test('one consumer’s after another, of either shape', () => {
  for (const shape of [/^\$JS\.ACK\.STREAM\..*\d$/, /^\$JS\.ACK\.hub\./]) {
    const numbers = new AckNumbers('STREAM', 'consumer')
    const subjects = SUBJECTS.filter(([reply]) => shape.test(reply) && reply.length > 30)
    expect(subjects.length).toBeGreaterThan(1)
    for (const [reply, firsts] of [...subjects, ...subjects.toReversed()])
      expect([reply, numbers.firstsOf(Buffer.from(reply))]).toEqual([reply, firsts])
  }
})

test.each([
  ['$JS.ACK.STREAM.consumer.1.17.5.1700000000123456789.9', true],
  ['$JS.ACK', false],
  ['$JS.FC.STREAM.consumer.x', false],
  ['', false],
])('%s is a delivery: %s', (reply, isDelivery) => {
  expect(isAckSubject(Buffer.from(reply))).toBe(isDelivery)
})

test.each([
  ['$JS.ACK.STREAM.consumer.1.17.5.1700000000123456789.9', true],
  ['$JS.ACK.hub.HASH.STREAM.consumer.3.17.1.1700000000123456789.9.token', true],
  ['$JS.ACK.STREAM.consumed.1.17.5.1700000000123456789.9', false],
  ['$JS.ACK.STREAM.a-consumer.1.17.5.1700000000123456789.9', false],
  ['$JS.ACK.STREAK.consumer.1.17.5.1700000000123456789.9', false],
  ['$JS.ACK.S.STREAM.consumer.1.17.5.1700000000123456789', false],
  ['$JS.ACK.', false],
])('%s is the consumer’s own: %s', (reply, isOwn) => {
  const numbers = new AckNumbers('STREAM', 'consumer')
  for (const before of ['$JS.ACK.STREAM.consumer.1.17.5.1700000000123456789.9', reply]) {
    numbers.firstsOf(Buffer.from(before))
    numbers.firstsOf(Buffer.from(reply))
    expect(numbers.isOwn(Buffer.from(reply))).toBe(isOwn)
  }
})
