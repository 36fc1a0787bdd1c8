import { stringify } from 'csv-stringify/sync'
import type { LogEntry } from '../store/log-row.ts'

const COLUMNS = [
  'storedAt',
  'channel',
  'message',
  'extra',
  'id',
  'stream',
  'seq',
  'requestId',
] as const satisfies (keyof LogEntry)[]

/**
 * Where a cell may begin that a sheet would run: at the beginning, and within a text where a list is separated by `;` or a
 * tab, as in much of Europe. Such a sheet sees no quotes where they do not begin its own cells, so line breaks count too.
 * Blanks and quotes may stand before the formula.
 */
const FORMULA = /(^|[;\t\r\n])(?=(?:"|[^\S\t\r\n])*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20])/g
/** Some sheets drop these at the beginning. */
const DROPPED = /^(?=[\t\r\n])/

const format = {
  columns: [...COLUMNS],
  // RFC 4180 ends lines with CRLF, and quotes a cell that has either half of it.
  record_delimiter: 'windows',
  quote_record_delimiter: true,
  // An apostrophe makes it a text.
  cast: { string: (text: string) => text.replaceAll(FORMULA, "$1'").replace(DROPPED, "'") },
} as const

/** The byte order mark, without which a sheet takes Korean for another encoding, and the names of the columns. */
export const csvHead: string = stringify([], { ...format, bom: true, header: true })

/** Lines as RFC 4180 has them, safe to open as a sheet. */
export function csvRows(entries: readonly LogEntry[]): string {
  return stringify([...entries], format)
}
