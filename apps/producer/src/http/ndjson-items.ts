import { isUtf8 } from 'node:buffer'
import { badRequest } from '@alarm-bus/service'
import { type Item, tooLong } from './batch-item.ts'

const LINE_FEED = 10

/** One item a line that is not blank. A line that is broken or too long is an item as well, and the next one counts. */
export async function* ndjsonItems(chunks: AsyncIterable<Buffer>, maxLineBytes: number): AsyncGenerator<Item> {
  let begun: Buffer[] = []
  let bytes = 0
  const keep = (part: Buffer): void => {
    bytes += part.length
    // What is too long is only counted: the line is an error, whatever else it holds.
    if (bytes <= maxLineBytes) begun.push(part)
    else begun = []
  }
  const take = (): Item | undefined => {
    const item = bytes > maxLineBytes ? { error: tooLong(maxLineBytes) } : parsed(Buffer.concat(begun))
    begun = []
    bytes = 0
    return item
  }
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      keep(chunk.subarray(start, end))
      start = end + 1
      const item = take()
      if (item) yield item
    }
    keep(chunk.subarray(start))
  }
  const last = take()
  if (last) yield last
}

function parsed(line: Buffer): Item | undefined {
  if (!isUtf8(line)) return { error: notJson('the line is not UTF-8') }
  const text = line.toString('utf8').trim()
  if (text === '') return undefined
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    return { error: notJson(`the line is not JSON: ${(error as Error).message}`) }
  }
}

function notJson(why: string) {
  return badRequest(why, [{ in: 'body', path: '', code: 'not_json', message: why }])
}
