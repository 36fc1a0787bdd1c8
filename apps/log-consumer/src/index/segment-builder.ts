import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LogRow } from '../database/tables.ts'
import type { LogKey } from '../store/log-row.ts'
import { ByteWriter } from './bytes.ts'
import { encodeKeys } from './keys.ts'
import { SEGMENT_ROWS, writePosting } from './postings.ts'
import { BLOCK_ROWS, blockSlot, BOUNDS_SLOT, BUCKET_TOKENS, BUCKETS } from './slots.ts'
import { ANY_TEXT, channelToken, logToken, requestToken, TOKEN_BITS, visitTokens } from './tokens.ts'

/** Different tokens of one text; one with more is a candidate for every search. */
const MAX_ROW_TOKENS = 16_384
/** Pairs of a token and a row that are sorted in one go: some milliseconds, then others have their turn. */
const TURN_PAIRS = 262_144
/** Buckets that are written in one go. */
const TURN_BUCKETS = 128

export type IndexedRow = LogKey & Pick<LogRow, 'channel' | 'request_id' | 'search'>

/** A part of a segment, as it is stored. */
export interface Part {
  readonly slot: number
  readonly data: Uint8Array
}

/** What is reused from one segment to the next: 8 MiB. */
const lastRowOf = new Int32Array(2 ** TOKEN_BITS)
const startOf = new Int32Array(2 ** TOKEN_BITS + 1)

/** Makes the index of up to `SEGMENT_ROWS` rows. One at a time: they share what they count with. */
export class SegmentBuilder {
  readonly #keys: LogKey[] = []
  #tokens = new Uint32Array(65_536)
  #rows = new Uint16Array(65_536)
  #pairs = 0

  constructor() {
    lastRowOf.fill(-1)
  }

  get keys(): readonly LogKey[] {
    return this.#keys
  }

  get isFull(): boolean {
    return this.#keys.length === SEGMENT_ROWS
  }

  /** Rows come in the order of their keys. */
  add(row: IndexedRow): void {
    const { stored_at_ms, stream, seq, channel, request_id, search } = row
    const place = this.#keys.push({ stored_at_ms, stream, seq }) - 1
    this.#pair(channelToken(channel), place)
    this.#pair(logToken(row), place)
    if (request_id !== null) this.#pair(requestToken(request_id), place)
    const before = this.#pairs
    visitTokens(search, (token) => {
      if (this.#pairs - before < MAX_ROW_TOKENS) this.#pair(token, place)
    })
    if (this.#pairs - before === MAX_ROW_TOKENS) {
      // Its tokens stay; they do no harm.
      this.#pair(ANY_TEXT, place)
    }
  }

  /** The parts, those that are empty left out. The builder is spent then. */
  async finish(): Promise<readonly Part[]> {
    const sorted = await this.#sort()
    const parts: Part[] = []
    const writer = new ByteWriter(65_536)
    const scratch = new ByteWriter(65_536)
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      writer.clear()
      let before = 0
      for (let number = 0; number < BUCKET_TOKENS; number++) {
        const token = bucket * BUCKET_TOKENS + number
        const rows = sorted.subarray(startOf[token], startOf[token + 1])
        if (rows.length === 0) continue
        writePosting(writer, scratch, number - before, rows)
        before = number
      }
      if (writer.length > 0) parts.push({ slot: bucket, data: writer.copy() })
      if (bucket % TURN_BUCKETS === 0) await nextTurn()
    }
    return [...parts, ...this.#keyParts()]
  }

  #pair(token: number, place: number): void {
    if (lastRowOf[token] === place) return
    lastRowOf[token] = place
    if (this.#pairs === this.#tokens.length) this.#grow()
    this.#tokens[this.#pairs] = token
    this.#rows[this.#pairs++] = place
  }

  #grow(): void {
    const tokens = new Uint32Array(this.#pairs * 2)
    const rows = new Uint16Array(this.#pairs * 2)
    tokens.set(this.#tokens)
    rows.set(this.#rows)
    this.#tokens = tokens
    this.#rows = rows
  }

  /** The rows of all tokens, one token after the other: `startOf` has where each begins. */
  async #sort(): Promise<Uint16Array> {
    startOf.fill(0)
    for (let pair = 0; pair < this.#pairs; pair++) {
      const next = (this.#tokens[pair] as number) + 1
      startOf[next] = (startOf[next] as number) + 1
      if (pair % TURN_PAIRS === 0) await nextTurn()
    }
    for (let token = 1; token < startOf.length; token++)
      startOf[token] = (startOf[token] as number) + (startOf[token - 1] as number)
    const sorted = new Uint16Array(this.#pairs)
    // Where the next row of a token goes; what it was used for is over.
    const nextOf = lastRowOf
    nextOf.set(startOf.subarray(0, nextOf.length))
    for (let pair = 0; pair < this.#pairs; pair++) {
      const token = this.#tokens[pair] as number
      const place = nextOf[token] as number
      sorted[place] = this.#rows[pair] as number
      nextOf[token] = place + 1
      if (pair % TURN_PAIRS === 0) await nextTurn()
    }
    return sorted
  }

  #keyParts(): readonly Part[] {
    const parts: Part[] = []
    const bounds: number[] = []
    for (let start = 0; start < this.#keys.length; start += BLOCK_ROWS) {
      const block = this.#keys.slice(start, start + BLOCK_ROWS)
      bounds.push(block[0]?.stored_at_ms as number, block.at(-1)?.stored_at_ms as number)
      parts.push({ slot: blockSlot(start / BLOCK_ROWS), data: encodeKeys(block) })
    }
    return [...parts, { slot: BOUNDS_SLOT, data: new Uint8Array(new Float64Array(bounds).buffer) }]
  }
}
