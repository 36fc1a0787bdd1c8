import { Readable } from 'node:stream'
import type { LogEntry } from '../store/log-row.ts'
import type { ScanStep } from './scan-logs.ts'
import { csvHead, csvRows } from './to-csv.ts'

/** Of an export that is handed on at once, in bytes: each that is taken shows that somebody reads. */
const PART_BYTES = 65_536

/** How logs are written out: what stands before them, and a few of them at a time. */
interface Writer {
  readonly type: string
  readonly head: string
  rows(entries: readonly LogEntry[]): string
}

export const WRITERS = {
  ndjson: {
    type: 'application/x-ndjson; charset=utf-8',
    head: '',
    rows: (entries) => entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''),
  },
  csv: { type: 'text/csv; charset=utf-8; header=present', head: csvHead, rows: csvRows },
} as const satisfies Record<string, Writer>

/**
 * The scan's logs as a stream of text. A step is read when the reader has taken the one before, so no more than one is
 * held; a stream that is destroyed ends the scan.
 *
 * @param onTaken called when the reader has taken a part.
 * @returns after the first step, so that a database that is away can still be answered with a problem.
 */
export async function exportLogs(
  writer: Writer,
  steps: AsyncIterable<ScanStep>,
  limit: number,
  onTaken: () => void = () => undefined,
): Promise<Readable> {
  const texts = write(writer, steps, limit)
  const first = await texts.next()
  return Readable.from(inParts(resume(first, texts), onTaken), { objectMode: false, highWaterMark: 1 })
}

async function* write(writer: Writer, steps: AsyncIterable<ScanStep>, limit: number): AsyncGenerator<string> {
  let left = limit
  let head: string = writer.head
  for await (const { entries } of steps) {
    const rows = entries.slice(0, left).map(({ entry }) => entry)
    left -= rows.length
    const text = head + (rows.length > 0 ? writer.rows(rows) : '')
    head = ''
    if (text !== '') yield text
    if (left === 0) return
  }
}

async function* resume(first: IteratorResult<string, unknown>, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  if (first.done) return
  yield first.value
  yield* rest
}

async function* inParts(texts: AsyncGenerator<string>, onTaken: () => void): AsyncGenerator<Buffer> {
  for await (const text of texts) {
    const bytes = Buffer.from(text)
    for (let start = 0; start < bytes.length; start += PART_BYTES) {
      yield bytes.subarray(start, start + PART_BYTES)
      onTaken()
    }
  }
}
