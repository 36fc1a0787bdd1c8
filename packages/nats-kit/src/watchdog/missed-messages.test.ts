import { expect, test } from 'vitest'
import { droppedUnseen, type Finding, missedAhead, missedSince, type Position } from './missed-messages.ts'

/** Delivered up to 100, with five that waited up to 110, in a stream that had lost nothing. */
const before: Position = { lastSeq: 110, gone: 0, unread: 5, deliveries: 80, deliveredSeq: 100 }

function finding(stream: Partial<Finding['stream']>, consumer: Partial<Finding['consumer']> = {}): Finding {
  const { firstSeq = 1, lastSeq = 110, alone = false } = stream
  return {
    stream: { firstSeq, lastSeq, alone, messages: stream.messages ?? lastSeq - firstSeq + 1 },
    consumer: { unread: 5, deliveries: 80, deliveredSeq: 100, ...consumer },
  }
}

test('what still waits, or was delivered, was not missed', () => {
  expect(missedSince(before, finding({})).atLeast).toBe(0)
  expect(missedSince(before, finding({ lastSeq: 200 }, { unread: 7 })).atLeast).toBe(0)
  expect(missedSince(before, finding({ firstSeq: 150, lastSeq: 200 }, { unread: 0, deliveries: 85 })).atLeast).toBe(0)
  // Three were delivered a second time, which hides a loss of three.
  expect(missedSince(before, finding({ firstSeq: 150, lastSeq: 200 }, { unread: 0, deliveries: 83 })).atLeast).toBe(2)
})

test('what waits may be what waited then, until the stream begins after it', () => {
  expect(missedSince(before, finding({ firstSeq: 108, lastSeq: 200 }, { unread: 5 })).atLeast).toBe(0)
  expect(missedSince(before, finding({ firstSeq: 108, lastSeq: 200 }, { unread: 2 })).atLeast).toBe(3)
  expect(missedSince(before, finding({ firstSeq: 111, lastSeq: 200 }, { unread: 5 })).atLeast).toBe(5)
})

test('alone in its stream every arrival is the consumer’s, so the number is exact', () => {
  const alone = finding({ alone: true, firstSeq: 191, lastSeq: 200 }, { unread: 10 })
  expect(missedSince(before, alone)).toEqual({ from: 101, to: 190, atLeast: 85, atMost: 85 })
  expect(missedAhead({ ...alone, consumer: { ...alone.consumer, deliveredSeq: 150 } })).toMatchObject({
    from: 151,
    to: 190,
    atLeast: 40,
  })
  expect(missedAhead(finding({ alone: true }, { unread: 10 })).atLeast).toBe(0)
})

test('dropped unseen: only beside other channels, and beyond what was seen or delivered', () => {
  const dropped = { firstSeq: 131, lastSeq: 200 }
  expect(droppedUnseen(before, finding(dropped))).toEqual({ from: 111, to: 130, atMost: 20 })
  expect(droppedUnseen(before, finding(dropped, { deliveredSeq: 120 }))).toEqual({ from: 121, to: 130, atMost: 10 })
  expect(droppedUnseen(before, finding(dropped, { deliveredSeq: 140 }))).toBeUndefined()
  expect(droppedUnseen(before, finding({ firstSeq: 111, lastSeq: 200 }))).toBeUndefined()
  expect(droppedUnseen(before, finding({ ...dropped, alone: true }))).toBeUndefined()
})
