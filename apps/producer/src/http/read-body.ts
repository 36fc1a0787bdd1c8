import type { Readable } from 'node:stream'
import { badRequest, Problem } from '@alarm-bus/service'
import { BoundedBytes } from './bounded-bytes.ts'

type Done = (error: Error | null, bytes?: Buffer) => void

/**
 * The whole body, in one buffer of at most `maxBytes` whatever pieces it comes in. Calls back once: with a Problem when
 * it is longer, or not as long as its head says, and with an error when it breaks off.
 */
export function readBody(stream: Readable, declared: string | undefined, maxBytes: number, done: Done): void {
  const expected = declared === undefined ? undefined : Number(declared)
  if (expected !== undefined && expected > maxBytes) return done(tooLarge(maxBytes))
  // The one piece that most bodies are; copied only when a second one comes.
  let first: Buffer | undefined
  let rest: BoundedBytes | undefined
  let isFinished = false
  // The listeners stay, since the stream ends with the request: taking four of them away costs as much as reading.
  const finish: Done = (error, bytes) => {
    if (isFinished) return
    isFinished = true
    done(error, bytes)
  }
  const onData = (piece: Buffer): void => {
    if (isFinished) return
    if (first === undefined && piece.length <= maxBytes) {
      first = piece
      return
    }
    if (rest === undefined) {
      rest = new BoundedBytes(maxBytes)
      if (first) rest.add(first)
    }
    rest.add(piece)
    if (rest.isTooLong) finish(tooLarge(maxBytes))
  }
  const onEnd = (): void => {
    if (isFinished) return
    const bytes = rest?.view() ?? first ?? Buffer.alloc(0)
    if (expected === undefined || bytes.length === expected) return finish(null, bytes)
    const why = `the body has ${bytes.length} bytes, and its content-length says ${expected}`
    finish(badRequest(why, [{ in: 'body', path: '', code: 'wrong_length', message: why }]))
  }
  const onGone = (cause?: unknown): void => {
    if (isFinished) return
    finish(Object.assign(new Error('the body broke off', { cause }), { code: 'ERR_STREAM_PREMATURE_CLOSE' }))
  }
  stream.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone)
}

function tooLarge(maxBytes: number): Problem {
  return new Problem({
    status: 413,
    slug: 'message-too-large',
    title: 'The message is too large',
    detail: `the body is larger than the ${maxBytes} bytes that allowed here`,
  })
}
