import type { Generated } from 'kysely'

/** One stored alarm. Together `stored_at_ms`, `stream` and `seq` are its key, its order, and what a cursor points at. */
export interface LogRow {
  /** When the broker stored the message, in milliseconds of the Unix epoch. It tells apart what a recreated stream counts from 1 again. */
  readonly stored_at_ms: number
  readonly stream: string
  readonly seq: number
  readonly channel: string
  readonly message_id: string | null
  readonly message: string
  readonly extra: string | null
  /** The three texts as JSON, where one of them holds what a text column cannot: NUL, or half of a surrogate pair. */
  readonly exact: string | null
  /** What a search looks through: message and extra, their case folded. */
  readonly search: string
  /** What the row takes, about, in bytes. */
  readonly bytes: number
  /** Of the HTTP request that the message came from. */
  readonly request_id: string | null
}

/** One row. The transactions that add logs change it last, so they commit in the order of their batches. */
interface StateRow {
  readonly id: Generated<number>
  /** What all of `logs` takes, kept by the transactions that add and remove. */
  readonly bytes: number
  readonly entries: number
  /** The number of the last batch. */
  readonly last_batch: number
  /** Batches up to this one are in segments. */
  readonly indexed_batch: number
  /** Of the rows below this key, some may be in no batch and no segment: they were stored by an older version. Null: none. */
  readonly unindexed_ms: number | null
  readonly unindexed_stream: string | null
  readonly unindexed_seq: number | null
}

/** The keys that one transaction has added, in the order of the commits. */
interface BatchRow {
  readonly no: number
  readonly entries: number
  readonly bytes: number
  readonly keys: Uint8Array
}

/** Some rows that are indexed together, with the first and last of their keys. */
export interface SegmentRow {
  readonly id: number
  readonly entries: number
  /** What its parts take, about. */
  readonly bytes: number
  /** Rows whose texts have more tokens than are indexed. */
  readonly unlimited: number
  readonly min_ms: number
  readonly min_stream: string
  readonly min_seq: number
  readonly max_ms: number
  readonly max_stream: string
  readonly max_seq: number
}

/** A part of a segment; its number is made of both. */
interface IndexRow {
  readonly id: number
  readonly data: Uint8Array
}

export interface Tables {
  readonly logs: LogRow
  readonly log_state: StateRow
  readonly log_batches: BatchRow
  readonly log_segments: SegmentRow
  readonly log_index: IndexRow
}
