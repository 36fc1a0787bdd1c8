import { stringify } from 'csv-stringify/sync'
import type { LogEntry } from '../store/log-row.ts'

const COLUMNS = ['storedAt', 'channel', 'message', 'extra', 'id', 'stream', 'seq'] as const satisfies (keyof LogEntry)[]

/** A sheet may take these for a formula though the first character is none. */
const HIDDEN_FORMULA = /^\s+[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^\n/

const format = {
  columns: [...COLUMNS],
  // RFC 4180 ends lines with CRLF, and quotes a cell that has either half of it.
  record_delimiter: 'windows',
  quote_record_delimiter: true,
  // A text that a sheet would run gets an apostrophe in front.
  escape_formulas: true,
  cast: { string: (text: string) => (HIDDEN_FORMULA.test(text) ? `'${text}` : text) },
} as const

/** The byte order mark, without which a sheet takes Korean for another encoding, and the names of the columns. */
export const csvHead: string = stringify([], { ...format, bom: true, header: true })

/** Lines as RFC 4180 has them, safe to open as a sheet. */
export function csvRows(entries: readonly LogEntry[]): string {
  return stringify([...entries], format)
}
