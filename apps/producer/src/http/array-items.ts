import { type Item, notJson, tooLong } from './batch-item.ts'
import { BoundedBytes } from './bounded-bytes.ts'
import { isBlankByte, parseMessage } from './parse-message.ts'
import { PassedOver } from './passed-over.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPENING: readonly number[] = [0x5b, 0x7b]
const CLOSING: readonly number[] = [0x5d, 0x7d]
const [ARRAY_OPENS] = OPENING
const [ARRAY_CLOSES] = CLOSING

/**
 * One item an element of a JSON array, as soon as it is complete. Here is only found where an element ends; its bytes are
 * read as those of a single message are. Behind the first fault nobody can tell where the next element begins, so that
 * fault is the last item.
 */
export async function* arrayItems(chunks: AsyncIterable<Buffer>, maxElementBytes: number): AsyncGenerator<Item> {
  const begun = new BoundedBytes(maxElementBytes)
  const passedOver = new PassedOver(maxElementBytes)
  let expected: Expected = 'array'
  let depth = 0
  let inText = false
  let isEscaped = false
  for await (const chunk of chunks) {
    // Of the element that is under way; the length of the chunk while there is none.
    let start = begun.length > 0 ? 0 : chunk.length
    let blank = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number
      if (inText) {
        if (isEscaped) isEscaped = false
        else if (byte === BACKSLASH) isEscaped = true
        else if (byte === QUOTE) inText = false
        continue
      }
      if (isBlankByte(byte)) {
        if (start === chunk.length) blank++
        continue
      }
      const isWithin = start < chunk.length
      if (!isWithin) {
        const next = between(expected, byte)
        if (typeof next === 'object') return yield next
        expected = next
        if (expected !== 'end of element') continue
        start = at
      }
      const isEndOfScalar = depth === 0 && isWithin && (byte === COMMA || byte === ARRAY_CLOSES)
      if (byte === QUOTE) inText = true
      else if (OPENING.includes(byte)) depth++
      else if (CLOSING.includes(byte) && !isEndOfScalar) depth--
      const isEnd = isEndOfScalar || (depth <= 0 && CLOSING.includes(byte))
      if (!isEnd) continue
      begun.add(chunk.subarray(start, isEndOfScalar ? at : at + 1))
      if (begun.isTooLong) return yield { error: tooLong(maxElementBytes), last: true }
      const item = elementItem(begun.view())
      begun.clear()
      start = chunk.length
      yield item
      if ('error' in item) return
      expected = 'comma or end'
      if (isEndOfScalar) expected = between(expected, byte) as Expected
    }
    begun.add(chunk.subarray(start))
    if (begun.isTooLong) return yield { error: tooLong(maxElementBytes), last: true }
    passedOver.add(blank)
    const messages = passedOver.takeMessages()
    if (messages > 0) yield { passedOver: messages }
  }
  if (expected !== 'nothing') yield broken('it ends too soon')
}

type Expected = 'array' | 'element or end' | 'element' | 'end of element' | 'comma or end' | 'nothing'

/** What a byte that is part of no element leads to. */
function between(expected: Expected, byte: number): Expected | Item {
  switch (expected) {
    case 'array':
      return byte === ARRAY_OPENS ? 'element or end' : broken('it is not an array')
    case 'nothing':
      return broken('there is more behind its end')
    case 'comma or end':
      if (byte === COMMA) return 'element'
      return byte === ARRAY_CLOSES ? 'nothing' : broken('a comma is missing')
    default:
      if (byte === ARRAY_CLOSES && expected === 'element or end') return 'nothing'
      return byte === COMMA || CLOSING.includes(byte) ? broken('an element is missing') : 'end of element'
  }
}

function elementItem(bytes: Buffer): Item {
  try {
    return { value: parseMessage(bytes) }
  } catch (error) {
    return broken((error as Error).message)
  }
}

function broken(why: string): Item {
  return { error: notJson(`the body is not a JSON array of messages: ${why.slice(0, 200)}`), last: true }
}
