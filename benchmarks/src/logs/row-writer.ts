import { DatabaseSync } from 'node:sqlite'

/** A row of `logs`, as the app makes it. */
export interface Row {
  readonly bytes: number
}
/** What one commit of the app would have added. */
export interface WrittenBatch {
  readonly no: number
  readonly rows: readonly Row[]
  /** As the app encodes them. */
  readonly keys: Uint8Array
}

/** Writes rows and their batches as the app's saves leave them, many saves in one transaction. */
export interface RowWriter {
  write(batches: readonly WrittenBatch[]): Promise<void>
  close(): Promise<void>
}

/** What the app's database has of this. */
export interface Queries {
  executeQuery(query: object): Promise<unknown>
}

const COLUMNS = [
  'stored_at_ms',
  'stream',
  'seq',
  'channel',
  'message_id',
  'message',
  'extra',
  'exact',
  'search',
  'bytes',
  'request_id',
] as const

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

/** On a connection of its own, in this thread: a statement a row, no message to another thread. Does not wait for the disk. */
export function sqliteRowWriter(path: string): RowWriter {
  const database = new DatabaseSync(path, { timeout: 60_000 })
  database.exec('pragma synchronous = off')
  const row = database.prepare(`insert into logs (${COLUMNS.join()}) values (${COLUMNS.map(() => '?').join()})`)
  const batch = database.prepare('insert into log_batches (no, entries, bytes, keys) values (?, ?, ?, ?)')
  const state = database.prepare('update log_state set bytes = bytes + ?, entries = entries + ?, last_batch = ?')
  return {
    async write(batches) {
      database.exec('begin immediate')
      for (const { no, rows, keys } of batches) {
        for (const one of rows)
          row.run(...COLUMNS.map((column) => (one as unknown as Record<string, string>)[column] ?? null))
        const bytes = sum(rows.map((one) => one.bytes))
        batch.run(no, rows.length, bytes, keys)
        state.run(bytes, rows.length, no)
      }
      database.exec('commit')
    },
    close: async () => database.close(),
  }
}

/** A statement for all rows, as JSON: the server takes it apart while this process makes the next ones. */
export function postgresRowWriter(queries: Queries): RowWriter {
  const run = (sql: string, parameters: readonly unknown[]): Promise<unknown> =>
    queries.executeQuery({ sql, parameters, query: { kind: 'RawNode' } })
  const list = COLUMNS.join()
  return {
    async write(batches) {
      const rows = batches.flatMap((batch) => batch.rows)
      const entries = batches.map(({ no, rows: some, keys }) => ({
        no,
        entries: some.length,
        bytes: sum(some.map((one) => one.bytes)),
        keys: `\\x${Buffer.from(keys).toString('hex')}`,
      }))
      // One statement, so one transaction.
      await run(
        `with rows as (
          insert into logs (${list}) select ${list} from json_populate_recordset(null::logs, $1)
        ), batches as (
          insert into log_batches (no, entries, bytes, keys)
          select no, entries, bytes, keys from json_populate_recordset(null::log_batches, $2)
        )
        update log_state set bytes = bytes + $3, entries = entries + $4, last_batch = $5`,
        [
          JSON.stringify(rows),
          JSON.stringify(entries),
          sum(entries.map((one) => one.bytes)),
          rows.length,
          batches.at(-1)?.no,
        ],
      )
    },
    close: async () => undefined,
  }
}
