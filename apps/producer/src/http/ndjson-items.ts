import { type Item, notJson, tooLong } from './batch-item.ts'
import { BoundedBytes } from './bounded-bytes.ts'
import { isBlankByte, parseMessage } from './parse-message.ts'
import { PassedOver } from './passed-over.ts'

const LINE_FEED = 10

/**
 * One item a line that is not blank. A line that is broken or too long is an item as well, and the next one counts. Blank
 * lines and the rest of what is too long are passed over.
 */
export async function* ndjsonItems(chunks: AsyncIterable<Buffer>, maxLineBytes: number): AsyncGenerator<Item> {
  const begun = new BoundedBytes(maxLineBytes)
  const passedOver = new PassedOver(maxLineBytes)
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.length;) {
      if (begun.length === 0) {
        start = skipBlank(chunk, start, passedOver)
        const messages = passedOver.takeMessages()
        if (messages > 0) yield { passedOver: messages }
        if (start === chunk.length) break
      }
      const end = chunk.indexOf(LINE_FEED, start)
      const part = chunk.subarray(start, end === -1 ? chunk.length : end)
      if (begun.isTooLong) passedOver.add(part.length)
      start += part.length
      if (end === -1) begun.add(part)
      else {
        yield begun.length === 0 ? lineItem(part, maxLineBytes) : endOf(begun, part, maxLineBytes)
        begun.clear()
      }
    }
    const messages = passedOver.takeMessages()
    if (messages > 0) yield { passedOver: messages }
  }
  if (begun.length > 0) yield endOf(begun, Buffer.alloc(0), maxLineBytes)
}

/** Nothing is made of a blank line: megabytes of them take milliseconds. */
function skipBlank(chunk: Buffer, start: number, passedOver: PassedOver): number {
  let at = start
  let lines = 0
  for (; at < chunk.length && isBlankByte(chunk[at] as number); at++) if (chunk[at] === LINE_FEED) lines++
  // The first ends the line before.
  passedOver.add(at - start, start > 0 && chunk[start] === LINE_FEED ? lines - 1 : lines)
  return at
}

function endOf(begun: BoundedBytes, part: Buffer, maxLineBytes: number): Item {
  begun.add(part)
  return begun.isTooLong ? { error: tooLong(maxLineBytes) } : lineItem(begun.view(), maxLineBytes)
}

function lineItem(line: Buffer, maxLineBytes: number): Item {
  if (line.length > maxLineBytes) return { error: tooLong(maxLineBytes) }
  try {
    return { value: parseMessage(line) }
  } catch (error) {
    return { error: notJson(`the line is not JSON: ${(error as Error).message}`) }
  }
}
