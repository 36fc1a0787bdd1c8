const MARK = Buffer.from([0xef, 0xbb, 0xbf])

/** The bytes behind a byte order mark, which is no part of a body. */
export function withoutMark(bytes: Buffer): Buffer {
  // Most bodies begin with a bracket.
  if (bytes[0] !== MARK[0]) return bytes
  return bytes.length >= 3 && bytes.compare(MARK, 0, 3, 0, 3) === 0 ? bytes.subarray(3) : bytes
}

/** The same of a body that comes in chunks, the mark in one of them or spread over three. */
export async function* chunksWithoutMark(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let begin: Buffer | undefined = Buffer.alloc(0)
  for await (const chunk of chunks) {
    if (begin === undefined) {
      yield chunk
      continue
    }
    begin = begin.length === 0 ? chunk : Buffer.concat([begin, chunk])
    if (begin.length < MARK.length && begin.equals(MARK.subarray(0, begin.length))) continue
    yield withoutMark(begin)
    begin = undefined
  }
  if (begin !== undefined && begin.length > 0) yield begin
}
