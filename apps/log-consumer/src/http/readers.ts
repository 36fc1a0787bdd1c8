import { createPlaces, type Place, Problem } from '@alarm-bus/service'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** Answers that may be under way at once. With those that write, pages and exports are fewer than the pool has connections. */
const MOST = { pages: 4, exports: 4, streams: 16 } as const
const RETRY_AFTER_SECONDS = 2
const EXPORT_IDLE_MS = 5_000
/** A stream sends something every 10 s. */
const STREAM_IDLE_MS = 30_000

export interface Reader {
  /** Aborts when the answer is out or its client gone, when another client has got the place, and when the app shuts down. */
  readonly signal: AbortSignal
  readonly place: Place
}

/** Lets in as many readers as may be, shared out between them. */
export interface Readers {
  /** @throws Problem when there is no place for one more. */
  enter(kind: keyof typeof MOST, request: FastifyRequest, reply: FastifyReply): Reader
}

/** @param exportIdleMs an export that has not been read from for so long gives way to others. */
export function createReaders(http: FastifyInstance, exportIdleMs = EXPORT_IDLE_MS): Readers {
  const closing = new AbortController()
  http.addHook('preClose', async () => closing.abort(new Error('the app is shutting down')))
  const places = {
    // A page comes forward by itself, and takes long only where it looks through much.
    pages: createPlaces({ most: MOST.pages, idleMs: Number.POSITIVE_INFINITY }),
    exports: createPlaces({ most: MOST.exports, idleMs: exportIdleMs }),
    streams: createPlaces({ most: MOST.streams, idleMs: STREAM_IDLE_MS }),
  }
  return {
    enter(kind, request, reply) {
      const outpaced = new AbortController()
      const place = places[kind].take(request.reader ?? request.ip, () => {
        outpaced.abort(tooMany(kind))
        // What has begun cannot be answered otherwise any more: without its end no client takes it for complete.
        if (reply.raw.headersSent) reply.raw.destroy()
      })
      if (!place) throw tooMany(kind)
      const signal = AbortSignal.any([closing.signal, outpaced.signal, whenGone(reply, place.leave)])
      return { signal, place }
    },
  }
}

/** Aborts when the answer is out or its client has gone away, and calls back once. */
function whenGone(reply: FastifyReply, callback: () => void): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    callback()
    gone.abort(new Error('the client is gone'))
  })
  return gone.signal
}

function tooMany(kind: string): Problem {
  return new Problem({
    status: 503,
    slug: 'too-many-readers',
    title: 'Too many readers',
    detail: `the limit of concurrent ${kind} is reached; try again soon`,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  })
}
