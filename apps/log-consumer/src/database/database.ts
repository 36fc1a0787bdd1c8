import type { Kysely, RawBuilder } from 'kysely'
import type { LogKey } from '../store/log-row.ts'
import type { Tables } from './tables.ts'

/**
 * A database behind the one query layer. What differs between SQLite and Postgres is here; all else asks Kysely and
 * does not know which it is.
 */
export interface Database {
  readonly kysely: Kysely<Tables>
  /** As OpenTelemetry calls it. */
  readonly system: 'postgresql' | 'sqlite'
  /** For people: the path, or host, port and name. Never credentials. */
  readonly place: string
  /** Runs while no other process does the same to this database. */
  locked(work: (kysely: Kysely<Tables>) => Promise<void>): Promise<void>
  /** Whether the column contains the text, both as they are: nothing in it is a pattern. */
  contains(column: 'search', text: string): RawBuilder<boolean>
  /** Whether the column is one of these numbers, however many they are. */
  among(column: 'id' | 'no', numbers: readonly number[]): RawBuilder<boolean>
  /** For `from`: the rows of `logs` with these keys, each looked up by its key; `place` is where it stands among them. */
  picked(keys: readonly LogKey[]): RawBuilder<unknown>
  /** Rejects when what is committed now would not be found by who opens the same place later. */
  verify(): Promise<void>
  /** Whether an error says that this database cannot be used as it is set up, however long one waits. */
  isHopeless(error: unknown): boolean
  /** Gives room that deleted rows took back to the file system, a little at a time. */
  reclaim(): Promise<void>
  close(): Promise<void>
}
