import accepts from '@fastify/accepts'
import { Problem, type Timer } from '@alarm-bus/service'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Database } from '../database/database.ts'
import { exportLogs, WRITERS } from '../query/export-logs.ts'
import { findLogs } from '../query/find-logs.ts'
import { findOne } from '../query/find-one.ts'
import { readPage } from '../query/read-page.ts'
import type { Scan } from '../query/scan-logs.ts'
import type { LogEntry } from '../store/log-row.ts'
import type { RecentRows } from '../store/recent-rows.ts'
import type { LiveTail } from '../tail/live-tail.ts'
import { requireBearer } from './bearer.ts'
import { badQuery, checked, queryIssue } from './checked-query.ts'
import { filterOf, type LogQuery, logQuery, pageLimit } from './query-input.ts'
import { createReaders, type Readers } from './readers.ts'
import { streamRoute } from './stream-route.ts'

export interface LogRoutesOptions {
  /** @throws StoreUnavailable while there is none. */
  readonly database: () => Database
  readonly tail: () => LiveTail
  readonly recent: RecentRows
  readonly timed: Timer
  /** The bearer of one may read. Empty: no token is needed. */
  readonly tokens: readonly string[]
  /** An export that has not been read from for so long gives way to others, in milliseconds; 5 s by default. */
  readonly exportIdleMs?: number
}

const TYPES = { json: 'application/json', ndjson: 'application/x-ndjson', csv: 'text/csv' } as const
type Format = keyof typeof TYPES

/**
 * `GET /logs`: a page as JSON, or everything that fits the filters as NDJSON or CSV. `GET /logs/{stream}/{seq}`: one log.
 * `GET /logs/stream`: logs as they are stored.
 */
export async function logRoutes(http: FastifyInstance, options: LogRoutesOptions): Promise<void> {
  await http.register(accepts)
  http.decorateRequest('reader', undefined)
  if (options.tokens.length > 0) http.addHook('onRequest', requireBearer(options.tokens))
  const { recent } = options
  const readers = createReaders(http, options.exportIdleMs)
  // A HEAD would read all that it does not send.
  http.get('/logs', { exposeHeadRoute: false }, async (request, reply) => {
    const query = checked(logQuery, request.query)
    const format = query.format ?? accepted(request)
    const { signal, place } = readers.enter(format === 'json' ? 'pages' : 'exports', request, reply)
    protect(reply)
    if (query.format === undefined) reply.header('vary', 'accept')
    const scan: Scan = {
      ...filterOf(query),
      order: query.order ?? query.cursor?.order ?? 'desc',
      ...(query.cursor && { after: query.cursor.key }),
    }
    if (format === 'json') {
      const limit = limitOf(query)
      return options.timed('page', async () => readPage(options.database(), scan, limit, signal, recent))
    }
    const { type } = WRITERS[format]
    const steps = findLogs(options.database(), scan, signal, recent)
    const text = await exportLogs(WRITERS[format], steps, query.limit ?? Number.POSITIVE_INFINITY, place.moved)
    return reply.type(type).header('content-disposition', `attachment; filename="logs.${format}"`).send(text)
  })
  oneLogRoute(http, readers, options)
  streamRoute(http, readers, options.tail)
}

function oneLogRoute(http: FastifyInstance, readers: Readers, { database, recent, timed }: LogRoutesOptions): void {
  http.get<{ Params: { readonly stream: string; readonly seq: string } }>(
    '/logs/:stream/:seq',
    { exposeHeadRoute: false },
    async (request, reply): Promise<LogEntry> => {
      const { stream, seq } = request.params
      const { signal } = readers.enter('pages', request, reply)
      protect(reply)
      const isPossible = /^(0|[1-9]\d{0,15})$/.test(seq) && Number.isSafeInteger(Number(seq)) && !/\p{C}/u.test(stream)
      const key = { stream, seq: Number(seq) }
      const found = isPossible && (await timed('one', async () => findOne(database(), key, signal, recent)))
      if (found) return found
      throw new Problem({
        status: 404,
        slug: 'no-such-log',
        title: 'No such log',
        detail: 'no log of that stream with that sequence is stored; ask for /logs/{stream}/{seq} as a log has them',
      })
    },
  )
}

function protect(reply: FastifyReply): void {
  reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
}

function limitOf({ limit }: LogQuery): number {
  try {
    return pageLimit(limit)
  } catch (error) {
    throw badQuery([queryIssue('limit', (error as Error).message)])
  }
}

function accepted(request: FastifyRequest): Format {
  const type = request.accepts().type(Object.values(TYPES))
  const found = Object.entries(TYPES).find(([, known]) => known === type)
  if (found) return found[0] as Format
  throw new Problem({
    status: 406,
    slug: 'not-acceptable',
    title: 'Format not supported',
    detail: `accept one of ${Object.values(TYPES).join(', ')}, or set format=json, ndjson or csv`,
  })
}
