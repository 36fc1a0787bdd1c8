import { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LogEntry } from '../store/log-row.ts'
import type { ScanStep } from './scan-logs.ts'
import { csvHead, csvRows } from './to-csv.ts'

/** Of an export that is handed on at once, in bytes: each that is taken shows that the client reads. */
const PART_BYTES = 65_536

/** Texts that are written out in one go, in characters: some milliseconds, then others have their turn. */
const GROUP_CHARACTERS = 262_144

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
    if (head !== '' && rows.length === 0) yield head
    for (const group of inGroups(rows)) {
      yield head + writer.rows(group)
      head = ''
      await nextTurn()
    }
    head = ''
    if (left === 0) return
  }
}

function inGroups(entries: readonly LogEntry[]): readonly (readonly LogEntry[])[] {
  const groups: LogEntry[][] = []
  let characters = GROUP_CHARACTERS
  for (const entry of entries) {
    if (characters >= GROUP_CHARACTERS) {
      groups.push([])
      characters = 0
    }
    groups.at(-1)?.push(entry)
    characters += entry.message.length + (entry.extra?.length ?? 0)
  }
  return groups
}

async function* resume(first: IteratorResult<string, unknown>, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  if (first.done) return
  yield first.value
  yield* rest
}

/** @param onTaken called when the reader has taken a part. */
export async function* inParts(texts: AsyncIterable<string>, onTaken: () => void): AsyncGenerator<Buffer> {
  for await (const text of texts) {
    const bytes = Buffer.from(text)
    for (let start = 0; start < bytes.length; start += PART_BYTES) {
      yield bytes.subarray(start, start + PART_BYTES)
      onTaken()
    }
  }
}
