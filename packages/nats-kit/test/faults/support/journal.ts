import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface FaultReport {
  readonly attempted: number
  readonly acked: number
  /** Ids that were handled at least once. */
  readonly handled: number
  /** Acknowledged to the publisher, and neither handled nor kept elsewhere. */
  readonly lost: readonly string[]
  /** Handled, and never attempted. */
  readonly unexpected: readonly string[]
  /** Handlings beyond the first of an id. */
  readonly twice: number
  /** The longest time in which no publish was acknowledged, between the first ack and the last. */
  readonly longestGapMs: number
}

export interface ReportOptions {
  /** Whose handlings count. Default `app`. */
  readonly app?: string
  /** Ids that were kept, for instance as dead letters. */
  readonly kept?: Iterable<string>
}

interface Entry {
  readonly id: string
  readonly atMs: number
}

interface Reader {
  readonly fd: number
  offset: number
  rest: string
  readonly entries: Entry[]
}

const CHUNK_BYTES = 64 * 1024

/**
 * What publishers and consumers did, in append-only files, one line an id. A line is one write to a file opened for
 * appending: several processes may write, and a SIGKILL leaves either the whole line or none of it.
 */
export class Journal {
  readonly folder: string
  readonly #writers = new Map<string, number>()
  readonly #readers = new Map<string, Reader>()

  constructor(folder: string = mkdtempSync(join(tmpdir(), 'kit-faults-'))) {
    this.folder = folder
  }

  /** Before the publish. */
  attempted(id: string): void {
    this.#append('attempted', id)
  }

  /** After the broker's ack. */
  acked(id: string): void {
    this.#append('acked', id)
  }

  /** When a handler begins. */
  started(id: string, app = 'app'): void {
    this.#append(`started.${app}`, id)
  }

  /** The handler's effect, before the message is acknowledged: a crash in between shows as `twice`, never as `lost`. */
  handled(id: string, app = 'app'): void {
    this.#append(`handled.${app}`, id)
  }

  count(file: 'attempted' | 'acked' | `started.${string}` | `handled.${string}`): number {
    return this.#read(file).length
  }

  ids(file: 'attempted' | 'acked' | `started.${string}` | `handled.${string}`): readonly string[] {
    return this.#read(file).map(({ id }) => id)
  }

  /** What was acknowledged and is neither handled nor kept, so far. */
  missing({ app = 'app', kept = [] }: ReportOptions = {}): readonly string[] {
    const done = new Set([...this.ids(`handled.${app}`), ...kept])
    return [...new Set(this.ids('acked'))].filter((id) => !done.has(id))
  }

  report(options: ReportOptions = {}): FaultReport {
    const attempted = new Set(this.ids('attempted'))
    const acks = this.#read('acked')
    const handlings = this.ids(`handled.${options.app ?? 'app'}`)
    const handled = new Set(handlings)
    // Writers append in turn, but two processes may do so in another order than their clocks say.
    const times = acks.map(({ atMs }) => atMs).sort((a, b) => a - b)
    return {
      attempted: attempted.size,
      acked: new Set(acks.map(({ id }) => id)).size,
      handled: handled.size,
      lost: this.missing(options),
      unexpected: [...handled].filter((id) => !attempted.has(id)),
      twice: handlings.length - handled.size,
      longestGapMs: times.reduce((longest, atMs, i) => Math.max(longest, atMs - (times[i - 1] ?? atMs)), 0),
    }
  }

  /** Closes what this process opened; the files stay. */
  close(): void {
    for (const fd of this.#writers.values()) closeSync(fd)
    for (const { fd } of this.#readers.values()) closeSync(fd)
    this.#writers.clear()
    this.#readers.clear()
  }

  remove(): void {
    this.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #append(file: string, id: string): void {
    let fd = this.#writers.get(file)
    if (fd === undefined) this.#writers.set(file, (fd = openSync(join(this.folder, file), 'a')))
    writeSync(fd, `${id} ${Date.now()}\n`)
  }

  /** Reads on from where the last look ended: tests look often, and the files grow. */
  #read(file: string): readonly Entry[] {
    let reader = this.#readers.get(file)
    if (!reader) {
      const path = join(this.folder, file)
      if (!existsSync(path)) return []
      this.#readers.set(file, (reader = { fd: openSync(path, 'r'), offset: 0, rest: '', entries: [] }))
    }
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    for (let bytes; (bytes = readSync(reader.fd, chunk, 0, CHUNK_BYTES, reader.offset)) > 0;) {
      reader.offset += bytes
      const lines = (reader.rest + chunk.toString('latin1', 0, bytes)).split('\n')
      reader.rest = lines.pop() ?? ''
      for (const line of lines) {
        const [id = '', atMs] = line.split(' ')
        reader.entries.push({ id, atMs: Number(atMs) })
      }
    }
    return reader.entries
  }
}

/** One line for people: the figures of a fault. */
export function describeReport(name: string, report: FaultReport): string {
  const { attempted, acked, handled, lost, unexpected, twice, longestGapMs } = report
  return (
    `${name}: attempted ${attempted}, acked ${acked}, handled ${handled}, lost ${lost.length}, ` +
    `unexpected ${unexpected.length}, twice ${twice}, longest gap ${longestGapMs} ms`
  )
}
