import { z } from 'zod'
import { decodeCursor } from '../query/cursor.ts'
import type { LogFilter } from '../query/filter.ts'
import { MAX_REQUEST_ID_CHARACTERS } from '../store/log-row.ts'

const MAX_PAGE_LOGS = 1_000
const DEFAULT_PAGE_LOGS = 100
const MAX_TEXT_CHARACTERS = 200

/** A time with its offset, or a day, which begins at midnight UTC. */
const time = z
  .string()
  .max(40)
  .refine(
    (text) => z.iso.datetime({ offset: true }).or(z.iso.date()).safeParse(text).success,
    'must be a time as 2026-05-01T09:00:00+09:00, its "+" written %2B, or a day as 2026-05-01',
  )
  .transform((text) => Date.parse(text))

/** A whole number of logs; for an export without it there is no end. */
const limit = z
  .string()
  .regex(/^[1-9]\d{0,8}$/, 'must be a whole number from 1')
  .transform(Number)

const filters = {
  // Not only those of today's contracts: what is stored may be older.
  channel: z
    .string()
    .regex(/^[a-z0-9-]{1,64}$/, 'must be the name of a channel')
    .optional(),
  from: time.optional(),
  to: time.optional(),
  text: z.string().min(1).max(MAX_TEXT_CHARACTERS).optional(),
  requestId: z.string().min(1).max(MAX_REQUEST_ID_CHARACTERS).optional(),
} as const

interface Times {
  readonly from?: number | undefined
  readonly to?: number | undefined
}

function checkTimes({ from, to }: Times, context: z.RefinementCtx): void {
  if (from !== undefined && to !== undefined && from >= to)
    context.addIssue({ code: 'custom', path: ['to'], message: 'must be later than from' })
}

/** The query of `GET /logs/stream`. */
export const tailQuery = z.strictObject(filters).superRefine(checkTimes)

/** The query of `GET /logs`. An unknown parameter is refused: a misspelt filter would answer with everything. */
export const logQuery = z
  .strictObject({
    ...filters,
    order: z.enum(['desc', 'asc']).optional(),
    limit: limit.optional(),
    cursor: z
      .string()
      .transform((text, context) => {
        const cursor = decodeCursor(text)
        if (cursor) return cursor
        context.addIssue('is not a cursor of this API; take it from `next` as it is')
        return z.NEVER
      })
      .optional(),
    format: z.enum(['json', 'ndjson', 'csv']).optional(),
  })
  .superRefine((query, context) => {
    const { order, cursor } = query
    checkTimes(query, context)
    if (order !== undefined && cursor !== undefined && cursor.order !== order)
      context.addIssue({ code: 'custom', path: ['cursor'], message: `belongs to order=${cursor.order}` })
  })

export type LogQuery = z.output<typeof logQuery>

/** What both ask for. */
export function filterOf({ channel, from, to, text, requestId }: z.output<typeof tailQuery>): LogFilter {
  return {
    ...(channel !== undefined && { channel }),
    ...(from !== undefined && { fromMs: from }),
    ...(to !== undefined && { toMs: to }),
    ...(text !== undefined && { text }),
    ...(requestId !== undefined && { requestId }),
  }
}

/** @throws RangeError when a page would be larger than one may be. */
export function pageLimit(given: number | undefined): number {
  if (given !== undefined && given > MAX_PAGE_LOGS)
    throw new RangeError(`must be at most ${MAX_PAGE_LOGS} for a page; an export (format=ndjson or csv) has no bound`)
  return given ?? DEFAULT_PAGE_LOGS
}
