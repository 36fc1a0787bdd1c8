import accepts from '@fastify/accepts'
import { badRequest, createPlaces, Problem, type ProblemIssue } from '@alarm-bus/service'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Database } from '../database/database.ts'
import { exportLogs, WRITERS } from '../query/export-logs.ts'
import { readPage } from '../query/read-page.ts'
import { findLogs } from '../query/find-logs.ts'
import type { Scan } from '../query/scan-logs.ts'
import { requireBearer } from './bearer.ts'
import { type LogQuery, logQuery, pageLimit } from './query-input.ts'

export interface LogRoutesOptions {
  /** @throws StoreUnavailable while there is none. */
  readonly database: () => Database
  /** Whoever has one may read. Empty: everybody may. */
  readonly tokens: readonly string[]
  /** An export that nobody has read from for so long gives way to anybody, in milliseconds; 5 s by default. */
  readonly exportIdleMs?: number
}

/** Answers that may be under way at once. With those that write, fewer than the pool has connections. */
const MAX_PAGES = 4
const MAX_EXPORTS = 4
const EXPORT_IDLE_MS = 5_000
const FULL_RETRY_AFTER_SECONDS = 2
/** Issues that are listed: a query has room for some thousand parameters. */
const MAX_ISSUES = 100

const TYPES = { json: 'application/json', ndjson: 'application/x-ndjson', csv: 'text/csv' } as const
type Format = keyof typeof TYPES

/** `GET /logs`: a page as JSON, or everything that fits the filters as NDJSON or CSV. */
export async function logRoutes(http: FastifyInstance, options: LogRoutesOptions): Promise<void> {
  await http.register(accepts)
  http.decorateRequest('reader', undefined)
  if (options.tokens.length > 0) http.addHook('onRequest', requireBearer(options.tokens))
  const closing = new AbortController()
  http.addHook('preClose', async () => closing.abort(new Error('the app is shutting down')))
  const places = {
    // A page comes forward by itself, and takes long only where it looks through much.
    pages: createPlaces({ most: MAX_PAGES, idleMs: Number.POSITIVE_INFINITY }),
    exports: createPlaces({ most: MAX_EXPORTS, idleMs: options.exportIdleMs ?? EXPORT_IDLE_MS }),
  }

  // A HEAD would read all that it does not send.
  http.get('/logs', { exposeHeadRoute: false }, async (request, reply) => {
    const query = checked(request.query)
    const format = query.format ?? accepted(request)
    const kind = format === 'json' ? 'pages' : 'exports'
    const outpaced = new AbortController()
    const place = places[kind].take(request.reader ?? request.ip, () => {
      outpaced.abort(tooMany(kind))
      // What has begun cannot be answered otherwise any more: without its end nobody takes it for whole.
      if (reply.raw.headersSent) reply.raw.destroy()
    })
    if (!place) throw tooMany(kind)
    const signal = AbortSignal.any([closing.signal, outpaced.signal, whenGone(reply, place.leave)])
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
    if (query.format === undefined) reply.header('vary', 'accept')
    const scan = scanOf(query)
    if (format === 'json') return readPage(options.database(), scan, limitOf(query), signal)
    const { type } = WRITERS[format]
    const steps = findLogs(options.database(), scan, signal)
    const text = await exportLogs(WRITERS[format], steps, query.limit ?? Number.POSITIVE_INFINITY, place.moved)
    return reply.type(type).header('content-disposition', `attachment; filename="logs.${format}"`).send(text)
  })
}

function checked(query: unknown): LogQuery {
  const parsed = logQuery.safeParse(query)
  if (parsed.success) return parsed.data
  throw badQuery(parsed.error.issues.flatMap(issuesOf))
}

function issuesOf(issue: z.core.$ZodIssue): readonly ProblemIssue[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => queryIssue(key.slice(0, 64), 'unknown parameter', 'unrecognized_key'))
  return [queryIssue(issue.path.join('/'), issue.message, issue.code === 'custom' ? 'invalid_value' : issue.code)]
}

function queryIssue(parameter: string, message: string, code = 'invalid_value'): ProblemIssue {
  return { in: 'query', path: `/${parameter}`, code, message }
}

function badQuery(issues: readonly ProblemIssue[]): Problem {
  const shown = issues.slice(0, 3).map(({ path, message }) => `${path}: ${message}`)
  return badRequest(`the query is not valid: ${shown.join('; ')}`, issues.slice(0, MAX_ISSUES))
}

function limitOf({ limit }: LogQuery): number {
  try {
    return pageLimit(limit)
  } catch (error) {
    throw badQuery([queryIssue('limit', (error as Error).message)])
  }
}

function scanOf({ channel, from, to, text, order, cursor }: LogQuery): Scan {
  return {
    order: order ?? cursor?.order ?? 'desc',
    ...(channel !== undefined && { channel }),
    ...(from !== undefined && { fromMs: from }),
    ...(to !== undefined && { toMs: to }),
    ...(text !== undefined && { text }),
    ...(cursor && { after: cursor.key }),
  }
}

function accepted(request: FastifyRequest): Format {
  const type = request.accepts().type(Object.values(TYPES))
  const found = Object.entries(TYPES).find(([, known]) => known === type)
  if (found) return found[0] as Format
  throw new Problem({
    status: 406,
    slug: 'not-acceptable',
    title: 'There is no such format',
    detail: `accept one of ${Object.values(TYPES).join(', ')}, or say format=json, ndjson or csv`,
  })
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
    title: 'Too many read the logs now',
    detail: `as many ${kind} as allowed are under way; try again soon`,
    retryAfterSeconds: FULL_RETRY_AFTER_SECONDS,
  })
}
