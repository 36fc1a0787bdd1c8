import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Reader } from './readers.ts'

/** After this a browser that was cut off comes back, in milliseconds. */
const RETRY_MS = 1_000
/** How often something is sent where nothing happens, in milliseconds: both ends see that the other is there. */
export const HEARTBEAT_MS = 10_000
export const HEARTBEAT = ':\n\n'

/** Answers with server-sent events. One that is not read makes the next wait: nothing is held for a slow reader. */
export function sendEvents(reply: FastifyReply, { place }: Reader, events: AsyncIterable<string>): FastifyReply {
  const parts = async function* (): AsyncGenerator<string> {
    yield `retry: ${RETRY_MS}\n\n`
    for await (const text of events) {
      place.moved()
      yield text
    }
  }
  return (
    reply
      .type('text/event-stream; charset=utf-8')
      // When it ends the app may be closing, and would wait for a connection that is kept.
      .headers({ connection: 'close', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
      .send(Readable.from(parts(), { objectMode: false, highWaterMark: 1 }))
  )
}

export function eventText(event: string, id: string | number, data: unknown): string {
  return `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`
}

/** Resolves to the value, or to undefined after `ms` and when the signal aborts. */
export async function within<T>(promise: Promise<T>, ms: number, signal: AbortSignal): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  let stop: (() => void) | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined)
    stop = () => resolve(undefined)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
    if (stop) signal.removeEventListener('abort', stop)
  }
}
