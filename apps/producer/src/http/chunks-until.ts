import type { Readable } from 'node:stream'

/**
 * What a stream brings until it ends, breaks off or the signal aborts. Never throws: that a caller has gone is no fault
 * here. Nothing is read ahead of who takes the chunks. What comes behind the end is thrown away, so that the next
 * request on the connection can be read; the server's own request timeout bounds it.
 */
export async function* chunksUntil(stream: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  const chunks: Buffer[] = []
  let ended = false
  let wake = (): void => undefined
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk)
    stream.pause()
    wake()
  }
  const onEnd = (): void => {
    ended = true
    wake()
  }
  stream.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onEnd)
  signal.addEventListener('abort', onEnd, { once: true })
  try {
    while (!signal.aborted) {
      const chunk = chunks.shift()
      if (chunk) yield chunk
      else if (ended) return
      else {
        await new Promise<void>((resolve) => {
          wake = resolve
          stream.resume()
        })
      }
    }
  } finally {
    stream.off('data', onData)
    stream.resume()
  }
}
