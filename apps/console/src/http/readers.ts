import { createPlaces, type Place, Problem } from '@alarm-bus/service'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** Answers that may be under way at once: live ones, and those that read many dead letters or messages. */
const MOST = { streams: 32, searches: 4 } as const
/** A stream sends something every 10 s. */
const STREAM_IDLE_MS = 30_000
const RETRY_AFTER_SECONDS = 2

export interface Reader {
  /** Aborts when the answer is out or its client gone, when somebody else has got the place, and when the app shuts down. */
  readonly signal: AbortSignal
  readonly place: Place
}

/** Lets in as many readers as may be, shared out between people. */
export interface Readers {
  /** @throws Problem when there is no place for one more. */
  enter(kind: keyof typeof MOST, request: FastifyRequest, reply: FastifyReply): Reader
}

export function createReaders(http: FastifyInstance): Readers {
  const closing = new AbortController()
  http.addHook('preClose', async () => closing.abort(new Error('the app is shutting down')))
  const places = {
    streams: createPlaces({ most: MOST.streams, idleMs: STREAM_IDLE_MS }),
    searches: createPlaces({ most: MOST.searches, idleMs: Number.POSITIVE_INFINITY }),
  }
  return {
    enter(kind, request, reply) {
      const outpaced = new AbortController()
      const place = places[kind].take(`${request.session?.person.name} ${request.ip}`, () => {
        outpaced.abort(tooMany(kind))
        if (reply.raw.headersSent) reply.raw.destroy()
      })
      if (!place) throw tooMany(kind)
      const gone = new AbortController()
      reply.raw.once('close', () => {
        place.leave()
        gone.abort(new Error('the client is gone'))
      })
      return { signal: AbortSignal.any([closing.signal, outpaced.signal, gone.signal]), place }
    },
  }
}

function tooMany(kind: string): Problem {
  return new Problem({
    status: 503,
    slug: 'too-many-readers',
    title: 'Too many read now',
    detail: `as many ${kind} as allowed are under way; close a page, or try again soon`,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  })
}
