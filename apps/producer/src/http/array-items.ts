import { JSONParser } from '@streamparser/json'
import { badRequest } from '@alarm-bus/service'
import { type Item, tooLong } from './batch-item.ts'

/**
 * One item an element of a JSON array, as soon as it is complete. Behind the first fault nobody can tell where the next
 * element begins, so that fault is the last item.
 */
export async function* arrayItems(chunks: AsyncIterable<Buffer>, maxElementBytes: number): AsyncGenerator<Item> {
  let found: Item[] = []
  const parser = new JSONParser({ paths: ['$.*'], keepStack: false })
  parser.onValue = ({ value }) => void found.push({ value })
  // Of the element that has begun, and of less than a chunk before it.
  let bytesSinceItem = 0
  let begun = false
  for await (const chunk of chunks) {
    // The parser would take any value for a document.
    if (!begun && !isBlank(chunk)) {
      begun = true
      if (chunk.toString('latin1').trimStart()[0] !== '[') return yield broken('it is not an array')
    }
    bytesSinceItem += chunk.length
    let fault: Item | undefined
    try {
      parser.write(chunk)
    } catch (error) {
      fault = broken((error as Error).message)
    }
    if (found.length > 0) bytesSinceItem = 0
    yield* found
    found = []
    if (bytesSinceItem > maxElementBytes) fault ??= { error: tooLong(maxElementBytes), last: true }
    if (!fault) continue
    yield fault
    return
  }
  if (!parser.isEnded) yield broken('it ends too soon')
}

function isBlank(chunk: Buffer): boolean {
  return chunk.toString('latin1').trim() === ''
}

function broken(why: string): Item {
  const detail = `the body is not a JSON array of messages: ${why.slice(0, 200)}`
  return { error: badRequest(detail, [{ in: 'body', path: '', code: 'not_json', message: detail }]), last: true }
}
