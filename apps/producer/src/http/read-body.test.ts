import { PassThrough } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { chunksWithoutMark } from './byte-order-mark.ts'
import { BoundedBytes } from './bounded-bytes.ts'
import { readBody } from './read-body.ts'

const MAX_BYTES = 5_000

/** What a body is read as that comes in these pieces. Each is written over as soon as it has come. */
async function read(pieces: readonly Buffer[], declared?: number): Promise<Buffer | Error> {
  const stream = new PassThrough()
  const result = new Promise<Buffer | Error>((resolve) => {
    readBody(stream, declared?.toString(), MAX_BYTES, (error, bytes) =>
      resolve(bytes ? Buffer.from(bytes) : (error as Error)),
    )
  })
  for (const piece of pieces) {
    stream.write(piece)
    await nextTurn()
    if (pieces.length > 1 && piece !== pieces[0]) piece.fill(0)
  }
  stream.end()
  return result
}

test('of many pieces none is kept, and the body is whole', async () => {
  const pieces = Array.from({ length: MAX_BYTES }, (_, index) => Buffer.from([65 + (index % 26)]))
  const whole = Buffer.concat(pieces)
  expect(await read(pieces)).toEqual(whole)
  expect(await read([whole], MAX_BYTES)).toEqual(whole)
  expect(await read([])).toEqual(Buffer.alloc(0))
})

test.each([
  ['one byte too many in one piece', [Buffer.alloc(MAX_BYTES + 1)], undefined, 413],
  ['one byte too many in two pieces', [Buffer.alloc(MAX_BYTES), Buffer.alloc(1)], undefined, 413],
  ['declared as too long', [], MAX_BYTES + 1, 413],
  ['shorter than declared', [Buffer.alloc(3)], 4, 400],
] as const)('%s: %s', async (_what, pieces, declared, status) => {
  expect(await read(pieces, declared)).toMatchObject({ status })
})

test('a body that breaks off is an error, once', async () => {
  const stream = new PassThrough()
  const results: unknown[] = []
  readBody(stream, undefined, MAX_BYTES, (error) => results.push(error))
  stream.write('a')
  await nextTurn()
  stream.destroy(new Error('gone'))
  await nextTurn()
  expect(results).toEqual([expect.objectContaining({ code: 'ERR_STREAM_PREMATURE_CLOSE' })])
})

test('bytes grow up to their bound and no further; what is too long is counted', () => {
  const bytes = new BoundedBytes(3_000)
  for (let count = 0; count < 3_000; count++) bytes.add(Buffer.from([count % 256]))
  expect(bytes.isTooLong).toBe(false)
  expect(bytes.view()).toEqual(Buffer.from(Array.from({ length: 3_000 }, (_, index) => index % 256)))
  bytes.add(Buffer.from('x'))
  expect([bytes.isTooLong, bytes.length]).toEqual([true, 3_001])
  bytes.clear()
  bytes.add(Buffer.from('next'))
  expect([bytes.isTooLong, bytes.view().toString()]).toEqual([false, 'next'])
})

test('a byte order mark is left out wherever the chunks are cut', async () => {
  const body = Buffer.from('\ufeffa\ufeffb')
  for (let cut = 0; cut <= body.length; cut++) {
    async function* chunks() {
      for (const part of [body.subarray(0, cut), body.subarray(cut)]) if (part.length > 0) yield part
    }
    const read: Buffer[] = []
    for await (const chunk of chunksWithoutMark(chunks())) read.push(chunk)
    expect(Buffer.concat(read).toString('utf8')).toBe('a\ufeffb')
  }
})
