import { setImmediate as nextTurn } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Database } from '../database/database.ts'
import type { LogRow, SegmentRow } from '../database/tables.ts'
import { conditionsOf, matcherOf } from '../query/filter.ts'
import { keysOnTheWay, type Scan, type ScanStep } from '../query/scan-logs.ts'
import { type LogKey, toEntry } from '../store/log-row.ts'
import type { RecentRows } from '../store/recent-rows.ts'
import { type CandidateFinder, candidateFinder, type Candidates } from './candidates.ts'
import { KeySource } from './key-source.ts'
import { compareIn, compareKeys, decodeKeys } from './keys.ts'
import { batchesAfter, firstKey, lastKey, readParts, segmentsOf, stateOf, sumAfter } from './log-index.ts'
import { membersOf, SEGMENT_ROWS } from './postings.ts'
import { BLOCK_ROWS, blockSlot, partId } from './slots.ts'

/** Rows that are not indexed yet are all looked at, most of them in memory; with more than this a scan is faster. */
const MAX_UNINDEXED = 4 * SEGMENT_ROWS
/** Segments that are looked into together: few at first, since a page may be full soon. */
const MAX_OPENED = 256
/** Rows that are looked at together: few at first, likewise. */
const FIRST_ROWS = 128
const MAX_ROWS = 2_048
/** Rows that one step returns: at their largest about 16 MiB. */
const STEP_ENTRIES = 256
/** What they cost beside a row that a scan looks at. */
const ROW_COST = 5
const SEGMENT_COST = 25
/** After so much a step says how far it has come. */
const STEP_COST = 10_000

/**
 * Goes through the logs that fit a filter in the order of their keys, as a scan does, but looks only at rows that the
 * index names. Rows that are not in it yet are all looked at. What is found and what is not is the same.
 *
 * @param recent spares reading what it has.
 * @returns undefined where the index says nothing of what is asked for, or is too far behind.
 */
export async function searchLogs(
  database: Database,
  scan: Scan,
  recent: RecentRows | undefined,
): Promise<((signal: AbortSignal) => AsyncGenerator<ScanStep>) | undefined> {
  const finder = candidateFinder(database, scan)
  if (!finder) return undefined
  // In this order: what is indexed meanwhile is seen twice, and counted once.
  const { unindexed, indexedBatch } = await stateOf(database.kysely)
  const segments = await segmentsOf(database.kysely)
  if ((await sumAfter(database.kysely, indexedBatch)).entries > MAX_UNINDEXED) return undefined
  const batches = await batchesAfter(database.kysely, indexedBatch, MAX_UNINDEXED)
  const search = new Search(database, scan, finder, segments)
  const matches = matcherOf(scan)
  search.addKeys(batches.flatMap(({ no, keys }) => recent?.get(no)?.filter(matches) ?? keys))
  if (unindexed) search.addUnindexed(unindexed)
  return (signal) => search.steps(signal)
}

class Search {
  readonly #database: Database
  readonly #scan: Scan
  readonly #finder: CandidateFinder
  readonly #compare: (a: LogKey, b: LogKey) => number
  /** The next one last. */
  readonly #unopened: SegmentRow[]
  readonly #sources: KeySource[] = []
  /** How far it has come: of no row before this is anything left to do. */
  #reached: LogKey | undefined
  #opening = 1
  #cost = 0

  constructor(database: Database, scan: Scan, finder: CandidateFinder, segments: readonly SegmentRow[]) {
    this.#database = database
    this.#scan = scan
    this.#finder = finder
    this.#compare = compareIn(scan.order)
    this.#reached = scan.after
    this.#unopened = segments
      .filter((segment) => this.#mayHave(firstKey(segment), lastKey(segment)))
      .toSorted((a, b) => this.#compare(this.#startOf(b), this.#startOf(a)))
  }

  /** Keys of rows that are in no segment. */
  addKeys(keys: readonly LogKey[]): void {
    this.#sources.push(new KeySource(keys.filter((key) => this.#isAsked(key)).toSorted(this.#compare)))
  }

  /** Rows of which nothing is known but that their keys are below this one. */
  addUnindexed(below: LogKey): void {
    let { after } = this.#scan
    const more = async (): Promise<readonly LogKey[] | undefined> => {
      const keys = await keysOnTheWay(this.#database, { ...this.#scan, ...(after && { after }) }, below, MAX_ROWS)
      after = keys.at(-1)
      return after && keys.filter((key) => this.#isAsked(key)).toSorted(this.#compare)
    }
    this.#sources.push(new KeySource([], more))
  }

  async *steps(signal: AbortSignal): AsyncGenerator<ScanStep> {
    let size = FIRST_ROWS
    let wanted: LogKey[] = []
    for (;;) {
      signal.throwIfAborted()
      this.#cost = 0
      const isOver = await this.#gather(wanted, size)
      const rows = await this.#rowsOf(wanted)
      const isCut = rows.length === STEP_ENTRIES
      const last = isCut ? keyOf(rows.at(-1) as LogRow) : wanted.at(-1)
      if (rows.length < wanted.length / 2) size = Math.min(MAX_ROWS, size * 2)
      wanted = isCut ? wanted.filter((key) => this.#compare(key, last as LogKey) > 0) : []
      this.#reached = isCut ? last : (last ?? (await this.#furthest()))
      const isEnd = isOver && wanted.length === 0
      const entries = rows.map((row) => ({ key: keyOf(row), entry: toEntry(row) }))
      yield { entries, reached: isEnd ? undefined : this.#reached, looked: this.#cost }
      if (isEnd) return
      await nextTurn()
    }
  }

  /** Adds the next keys to those that are wanted. @returns whether there are no more. */
  async #gather(wanted: LogKey[], size: number): Promise<boolean> {
    while (wanted.length < size && this.#cost < STEP_COST) {
      const source = await this.#nextSource()
      const segment = this.#unopened.at(-1)
      const head = source?.head
      if (segment && (!head || this.#compare(this.#startOf(segment), head) <= 0)) {
        await this.#open()
        continue
      }
      if (!source || !head) return true
      source.take()
      const before = wanted.at(-1) ?? this.#reached
      // What was indexed meanwhile, or by two instances, comes twice.
      if (!before || this.#compare(before, head) < 0) wanted.push(head)
    }
    return false
  }

  /** The source whose head comes first. */
  async #nextSource(): Promise<KeySource | undefined> {
    let first: KeySource | undefined
    for (let index = this.#sources.length - 1; index >= 0; index--) {
      const source = this.#sources[index] as KeySource
      let isLeft = true
      while (!source.head && isLeft) isLeft = await source.fetch()
      if (!source.head) this.#sources.splice(index, 1)
      else if (!first?.head || this.#compare(source.head, first.head) < 0) first = source
    }
    return first
  }

  /** Looks into the next segments. */
  async #open(): Promise<void> {
    const segments = this.#unopened.splice(-this.#opening).toReversed()
    this.#opening = Math.min(MAX_OPENED, this.#opening * 4)
    this.#cost += segments.length * SEGMENT_COST
    const found = (await this.#finder.find(segments)).map((candidates) => ({
      candidates,
      blocks: this.#blocksOf(candidates),
    }))
    const firstIds = found.flatMap(({ candidates, blocks }) => {
      const block = blocks[0]
      return block === undefined ? [] : [partId(candidates.segment.id, blockSlot(block))]
    })
    const parts = await readParts(this.#database, firstIds)
    for (const { candidates, blocks } of found) {
      let known: ReadonlyMap<number, Uint8Array> | undefined = parts
      const more = async (): Promise<readonly LogKey[] | undefined> => {
        const block = blocks.shift()
        if (block === undefined) return undefined
        const id = partId(candidates.segment.id, blockSlot(block))
        const data = (known ?? (await readParts(this.#database, [id]))).get(id)
        known = undefined
        return data ? this.#keysOf(candidates, block, data) : []
      }
      this.#sources.push(new KeySource([], more))
    }
  }

  /** The blocks that have something to offer, in order. */
  #blocksOf({ rows, bounds, segment }: Candidates): number[] {
    const { fromMs = 0, toMs = Number.POSITIVE_INFINITY, after, order } = this.#scan
    const blocks: number[] = []
    for (let start = 0; start < segment.entries; start += BLOCK_ROWS) {
      const block = start / BLOCK_ROWS
      const [min = 0, max = 0] = bounds.subarray(block * 2, block * 2 + 2)
      const isAfter = !after || (order === 'asc' ? max >= after.stored_at_ms : min <= after.stored_at_ms)
      const hasRows = rows.subarray(start / 32, (start + BLOCK_ROWS) / 32).some((word) => word !== 0)
      if (isAfter && hasRows && max >= fromMs && min < toMs) blocks.push(block)
    }
    return order === 'asc' ? blocks : blocks.toReversed()
  }

  #keysOf({ rows }: Candidates, block: number, data: Uint8Array): readonly LogKey[] {
    const start = block * BLOCK_ROWS
    const all = decodeKeys(data)
    const keys = membersOf(rows, start, start + all.length)
      .map((place) => all[place - start] as LogKey)
      .filter((key) => this.#isAsked(key))
    return this.#scan.order === 'asc' ? keys : keys.toReversed()
  }

  async #rowsOf(keys: readonly LogKey[]): Promise<readonly LogRow[]> {
    if (keys.length === 0) return []
    this.#cost += keys.length * ROW_COST
    const conditions = conditionsOf(this.#database, this.#scan)
    const { rows } = await sql<LogRow>`select logs.* from ${this.#database.picked(keys)}
      where ${sql.join(conditions, sql` and `)} order by place limit ${STEP_ENTRIES}`.execute(this.#database.kysely)
    return rows
  }

  /** Nothing was wanted: everything before what comes next is done with. */
  async #furthest(): Promise<LogKey | undefined> {
    const head = (await this.#nextSource())?.head
    const segment = this.#unopened.at(-1)
    const start = segment && this.#startOf(segment)
    const next = head && start ? (this.#compare(head, start) <= 0 ? head : start) : (head ?? start)
    if (!next) return this.#reached
    const before = { ...next, seq: this.#scan.order === 'asc' ? Math.max(0, next.seq - 1) : next.seq + 1 }
    return this.#reached && this.#compare(this.#reached, before) > 0 ? this.#reached : before
  }

  #startOf(segment: SegmentRow): LogKey {
    return this.#scan.order === 'asc' ? firstKey(segment) : lastKey(segment)
  }

  #mayHave(first: LogKey, last: LogKey): boolean {
    const { fromMs = 0, toMs = Number.POSITIVE_INFINITY, after, order } = this.#scan
    const isAfter = !after || (order === 'asc' ? compareKeys(last, after) > 0 : compareKeys(first, after) < 0)
    return isAfter && last.stored_at_ms >= fromMs && first.stored_at_ms < toMs
  }

  #isAsked(key: LogKey): boolean {
    const { log } = this.#scan
    return this.#mayHave(key, key) && (!log || (key.stream === log.stream && key.seq === log.seq))
  }
}

function keyOf({ stored_at_ms, stream, seq }: LogKey): LogKey {
  return { stored_at_ms, stream, seq }
}
