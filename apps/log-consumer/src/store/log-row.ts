import type { LogRow } from '../database/tables.ts'
import type { AlarmRecord } from './alarm-store.ts'
import { foldCase } from './fold-case.ts'

/** A stored alarm, as a reader gets it. */
export interface LogEntry {
  /** ISO 8601, UTC. */
  readonly storedAt: string
  readonly channel: string
  readonly message: string
  readonly extra?: string
  /** The publisher's message id. */
  readonly id?: string
  /** Of the HTTP request that the message came from. */
  readonly requestId?: string
  readonly stream: string
  readonly seq: number
}

/** A row's key, and its place in the order. */
export type LogKey = Pick<LogRow, 'stored_at_ms' | 'stream' | 'seq'>

/** What tells a key from others. */
export function nameOf({ stored_at_ms, stream, seq }: LogKey): string {
  return `${stored_at_ms} ${stream} ${seq}`
}

/** Header of a row, its numbers and its share of the index, in bytes: measured on both databases with short messages. */
const ROW_OVERHEAD_BYTES = 100

/** A longer id of a request is none of ours, and is not kept. */
export const MAX_REQUEST_ID_CHARACTERS = 128

interface Texts {
  readonly message: string
  readonly extra?: string
  readonly id?: string
}

/** The record as it is stored. */
export function toRow(record: AlarmRecord): LogRow {
  const { channel, stream, seq, storedAt, message, extra, id, requestId } = record
  const texts: Texts = { message, ...(extra !== undefined && { extra }), ...(id !== undefined && { id }) }
  const isStorable = Object.values(texts).every((text) => storable(text) === text)
  const row = {
    stored_at_ms: storedAt.getTime(),
    stream,
    seq,
    channel,
    message_id: id === undefined ? null : storable(id),
    message: storable(message),
    extra: extra === undefined ? null : storable(extra),
    exact: isStorable ? null : JSON.stringify(texts),
    search: searchable(extra === undefined ? message : `${message}\n${extra}`),
    request_id: requestId === undefined || requestId.length > MAX_REQUEST_ID_CHARACTERS ? null : storable(requestId),
  }
  return { ...row, bytes: bytesOf(row) }
}

export function toEntry(row: LogRow): LogEntry {
  const texts: Texts =
    row.exact === null
      ? {
          message: row.message,
          ...(row.extra !== null && { extra: row.extra }),
          ...(row.message_id !== null && { id: row.message_id }),
        }
      : (JSON.parse(row.exact) as Texts)
  const { stored_at_ms, channel, stream, seq, request_id } = row
  return {
    storedAt: new Date(stored_at_ms).toISOString(),
    channel,
    ...texts,
    ...(request_id !== null && { requestId: request_id }),
    stream,
    seq,
  }
}

/**
 * A text as searches compare it. NFC: Hangul typed on one system comes as syllables, on another as single letters that
 * look the same. Case is folded by Unicode's rules, and not by those of a database's locale.
 */
export function searchable(text: string): string {
  return foldCase(storable(text))
}

/** What a search looks for: the text as rows have it, and, where that differs, in lower case, as rows of log-consumer 0.0.0 have it. */
export function searchedFor(text: string): readonly string[] {
  return [...new Set([searchable(text), storable(text).normalize('NFC').toLowerCase()])]
}

/** What UTF-8 columns take: Postgres knows no NUL, and neither database half of a surrogate pair. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}

function bytesOf(row: Omit<LogRow, 'bytes'>): number {
  const texts = [
    row.stream,
    row.channel,
    row.message_id,
    row.message,
    row.extra,
    row.exact,
    row.search,
    row.stream,
    row.request_id,
  ]
  return texts.reduce((sum, text) => sum + (text === null ? 0 : Buffer.byteLength(text)), ROW_OVERHEAD_BYTES)
}
