import type { Database } from '../database/database.ts'
import type { SegmentRow } from '../database/tables.ts'
import type { LogFilter } from '../query/filter.ts'
import { searchedFor } from '../store/log-row.ts'
import { readParts } from './log-index.ts'
import { allRows, intersect, isEmpty, readPosting, type RowSet, unite } from './postings.ts'
import { BOUNDS_SLOT, BUCKET_TOKENS, bucketOf, partId } from './slots.ts'
import { ANY_TEXT, channelToken, logToken, messageToken, requestToken, wantedTokens } from './tokens.ts'

/** Tokens of a text that are read in every segment, and those that are read where these leave something. */
const FIRST_TOKENS = 1
const MORE_TOKENS = 6

/** What the rows that are asked for have in the index. */
interface Wanted {
  /** Every row has these. */
  readonly all: readonly number[]
  /** And all of one of these: a text may stand in one of two forms. */
  texts: readonly (readonly number[])[]
}

/** A segment's rows that may be asked for. */
export interface Candidates {
  readonly segment: SegmentRow
  readonly rows: RowSet
  /** Of each block the first and the last time, in milliseconds. */
  readonly bounds: Float64Array
}

/** Finds in segments the rows that may fit a filter; all that fit are among them. */
export interface CandidateFinder {
  find(segments: readonly SegmentRow[]): Promise<readonly Candidates[]>
}

/** @returns undefined where the index says nothing of what is asked for. */
export function candidateFinder(database: Database, filter: LogFilter): CandidateFinder | undefined {
  const { channel, requestId, messageId, log, text } = filter
  const all = [
    ...(channel === undefined ? [] : [channelToken(channel)]),
    ...(requestId === undefined ? [] : [requestToken(requestId)]),
    ...(messageId === undefined ? [] : [messageToken(messageId)]),
    ...(log === undefined ? [] : [logToken(log)]),
  ]
  const forms = text === undefined ? [] : searchedFor(text).map(wantedTokens)
  const texts = forms.some((tokens) => tokens.length === 0) ? [] : forms
  if (all.length === 0 && texts.length === 0) return undefined
  return new Finder(database, { all, texts })
}

class Finder implements CandidateFinder {
  readonly #database: Database
  readonly #wanted: Wanted
  #isSorted = false

  constructor(database: Database, wanted: Wanted) {
    this.#database = database
    this.#wanted = wanted
  }

  async find(segments: readonly SegmentRow[]): Promise<readonly Candidates[]> {
    const { all, texts } = this.#wanted
    // Until something is known of how common they are, all of them are read.
    const first = this.#isSorted ? FIRST_TOKENS : Number.POSITIVE_INFINITY
    const heads = texts.map((tokens) => tokens.slice(0, first))
    const read = await this.#read(segments, [...all, ...heads.flat()], false)
    const left = segments.flatMap((segment) => {
      const rowsOf = (token: number): RowSet | undefined => postingOf(read, segment, token)
      const forms = heads.map((tokens) => inAll(segment, tokens, rowsOf))
      const base = inAll(segment, all, rowsOf)
      const unlimited = segment.unlimited > 0 ? rowsOf(ANY_TEXT) : undefined
      if (!this.#isSorted) this.#sort(rowsOf)
      return isEmpty(joined(base, forms, unlimited)) ? [] : [{ segment, base, forms, unlimited }]
    })
    const rest = this.#wanted.texts.map((tokens) => tokens.slice(first, first + MORE_TOKENS))
    const kept = left.map(({ segment }) => segment)
    const more = await this.#read(kept, rest.flat(), true)
    return left.flatMap(({ segment, base, forms, unlimited }) => {
      for (const [index, form] of forms.entries())
        for (const token of rest[index] ?? []) intersect(form, postingOf(more, segment, token))
      const rows = joined(base, forms, unlimited)
      const data = more.get(partId(segment.id, BOUNDS_SLOT))
      if (isEmpty(rows) || !data) return []
      return [{ segment, rows, bounds: new Float64Array(new Uint8Array(data).buffer) }]
    })
  }

  #read(segments: readonly SegmentRow[], tokens: readonly number[], withBounds: boolean) {
    const slots = [...new Set([...tokens.map(bucketOf), ...(withBounds ? [BOUNDS_SLOT] : [])])]
    const idsOf = ({ id, unlimited }: SegmentRow): readonly number[] =>
      [...slots, ...(unlimited > 0 ? [bucketOf(ANY_TEXT)] : [])].map((slot) => partId(id, slot))
    return readParts(this.#database, segments.flatMap(idsOf))
  }

  /** The rarest first, as they are in the first segment. */
  #sort(rowsOf: (token: number) => RowSet | undefined): void {
    const counts = new Map(this.#wanted.texts.flat().map((token) => [token, countOf(rowsOf(token))]))
    this.#wanted.texts = this.#wanted.texts.map((tokens) =>
      tokens.toSorted((a, b) => (counts.get(a) ?? 0) - (counts.get(b) ?? 0)),
    )
    this.#isSorted = true
  }
}

function postingOf(parts: ReadonlyMap<number, Uint8Array>, { id }: SegmentRow, token: number): RowSet | undefined {
  const bucket = parts.get(partId(id, bucketOf(token)))
  return bucket && readPosting(bucket, token % BUCKET_TOKENS)
}

function inAll(
  { entries }: SegmentRow,
  tokens: readonly number[],
  rowsOf: (token: number) => RowSet | undefined,
): RowSet {
  const rows = allRows(entries)
  for (const token of tokens) intersect(rows, rowsOf(token))
  return rows
}

function joined(base: RowSet, forms: readonly RowSet[], unlimited: RowSet | undefined): RowSet {
  if (forms.length === 0) return base
  const rows = new Uint32Array(base.length)
  for (const form of forms) unite(rows, form)
  unite(rows, unlimited)
  intersect(rows, base)
  return rows
}

function countOf(rows: RowSet | undefined): number {
  let count = 0
  for (let word of rows ?? []) for (; word !== 0; word &= word - 1) count++
  return count
}
