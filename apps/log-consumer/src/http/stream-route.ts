import { Readable } from 'node:stream'
import { badRequest } from '@alarm-bus/service'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { inParts } from '../query/export-logs.ts'
import type { LiveTail } from '../tail/live-tail.ts'
import { decodePosition, encodePosition, type Position } from '../tail/position.ts'
import { tailLogs, type TailStep } from '../tail/tail-logs.ts'
import { checked } from './checked-query.ts'
import { filterOf, tailQuery } from './query-input.ts'
import type { Readers } from './readers.ts'

/** After this a client that was cut off comes back, in milliseconds. */
const RETRY_MS = 2_000
/** Logs that are written out in one go. */
const GROUP_LOGS = 16

/**
 * `GET /logs/stream`: logs as they are stored, as server-sent events. Each event's id says where to go on.
 */
export function streamRoute(http: FastifyInstance, readers: Readers, tail: () => LiveTail): void {
  http.get('/logs/stream', { exposeHeadRoute: false }, async (request, reply) => {
    const filter = filterOf(checked(tailQuery, request.query))
    const start = startOf(request)
    const { signal, place } = readers.enter('streams', request, reply)
    const steps = tailLogs(tail(), filter, start, signal)
    // Read before the answer begins: a database that is away can still be answered with a problem.
    const first = await steps.next()
    const parts = inParts(eventsOf(first, steps), place.moved)
    return (
      reply
        .type('text/event-stream; charset=utf-8')
        // When it ends the app may be closing, and would wait for a connection that is kept.
        .headers({
          connection: 'close',
          'cache-control': 'no-store',
          'x-content-type-options': 'nosniff',
          'x-accel-buffering': 'no',
        })
        .send(Readable.from(parts, { objectMode: false, highWaterMark: 1 }))
    )
  })
}

function startOf({ headers }: FastifyRequest): Position | undefined {
  const id = headers['last-event-id']
  if (id === undefined || id === '') return undefined
  const position = decodePosition(String(id))
  if (position) return position
  const message = 'is not the id of an event of this API; take it from the stream as it is'
  throw badRequest(`last-event-id ${message}`, [
    { in: 'header', path: '/last-event-id', code: 'invalid_value', message },
  ])
}

async function* eventsOf(
  first: IteratorResult<TailStep, void>,
  rest: AsyncGenerator<TailStep>,
): AsyncGenerator<string> {
  try {
    yield `retry: ${RETRY_MS}\n\n`
    if (!first.done) yield* textsOf(first.value)
    for await (const step of rest) yield* textsOf(step)
  } finally {
    await rest.return(undefined)
  }
}

function* textsOf({ logs, reached, hasMissed }: TailStep): Generator<string> {
  if (hasMissed === true) {
    const detail = 'what was stored after the last event is not known any more; GET /logs has what is kept'
    yield `event: missed\nid: ${encodePosition(reached)}\ndata: ${JSON.stringify({ detail })}\n\n`
    return
  }
  for (let start = 0; start < logs.length; start += GROUP_LOGS) {
    const some = logs.slice(start, start + GROUP_LOGS)
    yield some
      .map(({ position, entry }) => `id: ${encodePosition(position)}\ndata: ${JSON.stringify(entry)}\n\n`)
      .join('')
  }
  // No event, since it has no data: but the client remembers the id, and both ends see that the other is there.
  if (logs.length === 0) yield `:\nid: ${encodePosition(reached)}\n\n`
}
