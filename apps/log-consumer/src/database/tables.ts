import type { Generated } from 'kysely'

/** One stored alarm. Together `stored_at_ms`, `stream` and `seq` are its key, its order, and what a cursor points at. */
export interface LogRow {
  /** When the broker stored the message, in milliseconds of the Unix epoch. It tells apart what a stream that was made anew counts from 1 again. */
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
}

/** One row: what all of `logs` takes, kept by the transactions that add and remove. */
interface UsageRow {
  readonly id: Generated<number>
  readonly bytes: number
  readonly entries: number
}

export interface Tables {
  readonly logs: LogRow
  readonly log_usage: UsageRow
}
