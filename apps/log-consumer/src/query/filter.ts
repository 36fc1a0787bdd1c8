import { type RawBuilder, sql } from 'kysely'
import type { Database } from '../database/database.ts'
import type { LogRow } from '../database/tables.ts'
import { type LogKey, searchedFor } from '../store/log-row.ts'

/** Which logs are asked for. */
export interface LogFilter {
  readonly channel?: string
  /** The first millisecond that is asked for. */
  readonly fromMs?: number
  /** The first one after. */
  readonly toMs?: number
  /** Anywhere in message or extra, whatever its case. */
  readonly text?: string
  /** Of the HTTP request that the message came from. */
  readonly requestId?: string
  /** The publisher's message id. */
  readonly messageId?: string
  /** One message of a stream. */
  readonly log?: Pick<LogKey, 'stream' | 'seq'>
}

/** What a row has to be besides the time of its key, for the database. */
export function conditionsOf(database: Database, filter: LogFilter): readonly RawBuilder<boolean>[] {
  const { channel, text, requestId, messageId, log } = filter
  return [
    ...(channel === undefined ? [] : [sql<boolean>`channel = ${channel}`]),
    ...(requestId === undefined ? [] : [sql<boolean>`request_id = ${requestId}`]),
    ...(messageId === undefined ? [] : [sql<boolean>`message_id = ${messageId}`]),
    ...(log === undefined ? [] : [sql<boolean>`stream = ${log.stream} and seq = ${log.seq}`]),
    ...(text === undefined
      ? []
      : [
          sql<boolean>`(${sql.join(
            searchedFor(text).map((one) => database.contains('search', one)),
            sql` or `,
          )})`,
        ]),
  ]
}

/** The same for rows that are in memory: whether a row is asked for. */
export function matcherOf(filter: LogFilter): (row: LogRow) => boolean {
  const { channel, fromMs, toMs, text, requestId, messageId, log } = filter
  const texts = text === undefined ? undefined : searchedFor(text)
  return (row) =>
    (channel === undefined || row.channel === channel) &&
    (requestId === undefined || row.request_id === requestId) &&
    (messageId === undefined || row.message_id === messageId) &&
    (fromMs === undefined || row.stored_at_ms >= fromMs) &&
    (toMs === undefined || row.stored_at_ms < toMs) &&
    (log === undefined || (row.stream === log.stream && row.seq === log.seq)) &&
    (texts === undefined || texts.some((one) => row.search.includes(one)))
}
