import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LogRow } from '../database/tables.ts'
import type { LogKey } from '../store/log-row.ts'
import { ByteWriter } from './bytes.ts'
import { encodeKeys } from './keys.ts'
import { SEGMENT_ROWS, writePosting } from './postings.ts'
import { BLOCK_ROWS, blockSlot, BOUNDS_SLOT, BUCKET_TOKENS, BUCKETS } from './slots.ts'
import { ANY_TEXT, channelToken, logToken, messageToken, requestToken, TOKEN_BITS, visitTokens } from './tokens.ts'

/** Different tokens of one text; one with more is a candidate for every search. */
const MAX_ROW_TOKENS = 16_384
/** Pairs of a token and a row that are sorted in one go: some milliseconds, then others have their turn. */
const TURN_PAIRS = 524_288
/** Buckets that are written in one go. */
const TURN_BUCKETS = 128

export type IndexedRow = LogKey & Pick<LogRow, 'channel' | 'message_id' | 'request_id' | 'search'>

/** A part of a segment, as it is stored. */
export interface Part {
  readonly slot: number
  readonly data: Uint8Array
}

const ROW_BITS = Math.log2(SEGMENT_ROWS)
const TOKEN_IN_BUCKET_BITS = Math.log2(BUCKET_TOKENS)

/** Which row had a token last. Used by one builder after the other, 4 MiB. */
const lastRowOf = new Int32Array(2 ** TOKEN_BITS)

/** Makes the index of up to `SEGMENT_ROWS` rows. One at a time: they share what they count with. */
export class SegmentBuilder {
  readonly #keys: LogKey[] = []
  #tokens = new Uint32Array(65_536)
  #rows = new Uint16Array(65_536)
  #pairs = 0
  #unlimited = 0
  /** Pairs of each bucket. */
  readonly #counts = new Uint32Array(BUCKETS)

  constructor() {
    lastRowOf.fill(-1)
  }

  get keys(): readonly LogKey[] {
    return this.#keys
  }

  /** Rows whose texts have more tokens than are indexed. */
  get unlimited(): number {
    return this.#unlimited
  }

  /** Rows come in the order of their keys. */
  add(row: IndexedRow): void {
    const { stored_at_ms, stream, seq, channel, message_id, request_id, search } = row
    const place = this.#keys.push({ stored_at_ms, stream, seq }) - 1
    this.#pair(channelToken(channel), place)
    this.#pair(logToken(row), place)
    if (message_id !== null) this.#pair(messageToken(message_id), place)
    if (request_id !== null) this.#pair(requestToken(request_id), place)
    const before = this.#pairs
    visitTokens(search, (token) => {
      if (this.#pairs - before < MAX_ROW_TOKENS) this.#pair(token, place)
    })
    if (this.#pairs - before === MAX_ROW_TOKENS) {
      // Its tokens stay; they do no harm.
      this.#pair(ANY_TEXT, place)
      this.#unlimited++
    }
  }

  /** The parts, those that are empty left out. The builder is spent then. */
  async finish(): Promise<readonly Part[]> {
    const { pairs, starts } = await this.#sort()
    const parts: Part[] = []
    const writer = new ByteWriter(65_536)
    const scratch = new ByteWriter(65_536)
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      writer.clear()
      let before = 0
      for (const [number, rows] of postingsOf(pairs.subarray(starts[bucket], starts[bucket + 1]))) {
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
    const bucket = token >>> TOKEN_IN_BUCKET_BITS
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
  }

  #grow(): void {
    const tokens = new Uint32Array(this.#pairs * 2)
    const rows = new Uint16Array(this.#pairs * 2)
    tokens.set(this.#tokens)
    rows.set(this.#rows)
    this.#tokens = tokens
    this.#rows = rows
  }

  /** The pairs by their buckets, each as its token's number there and its row: in one number, the row in its low bits. */
  async #sort(): Promise<{ readonly pairs: Uint32Array; readonly starts: Uint32Array }> {
    const starts = new Uint32Array(BUCKETS + 1)
    for (let bucket = 0; bucket < BUCKETS; bucket++)
      starts[bucket + 1] = (starts[bucket] as number) + (this.#counts[bucket] as number)
    const pairs = new Uint32Array(this.#pairs)
    const nextOf = starts.slice()
    for (let pair = 0; pair < this.#pairs; pair++) {
      const token = this.#tokens[pair] as number
      const bucket = token >>> TOKEN_IN_BUCKET_BITS
      const place = nextOf[bucket] as number
      pairs[place] = ((token % BUCKET_TOKENS) << ROW_BITS) | (this.#rows[pair] as number)
      nextOf[bucket] = place + 1
      if (pair % TURN_PAIRS === 0) await nextTurn()
    }
    return { pairs, starts }
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

/** The rows of each token of a bucket, tokens and rows in rising order. Pairs of one token come in the order of their rows. */
function* postingsOf(pairs: Uint32Array): Generator<readonly [number: number, rows: Uint16Array]> {
  const starts = new Uint32Array(BUCKET_TOKENS + 1)
  for (const pair of pairs) {
    const next = (pair >>> ROW_BITS) + 1
    starts[next] = (starts[next] as number) + 1
  }
  for (let number = 0; number < BUCKET_TOKENS; number++)
    starts[number + 1] = (starts[number + 1] as number) + (starts[number] as number)
  const rows = new Uint16Array(pairs.length)
  const nextOf = starts.slice()
  for (const pair of pairs) {
    const number = pair >>> ROW_BITS
    const place = nextOf[number] as number
    rows[place] = pair % SEGMENT_ROWS
    nextOf[number] = place + 1
  }
  for (let number = 0; number < BUCKET_TOKENS; number++)
    if (starts[number] !== starts[number + 1]) yield [number, rows.subarray(starts[number], starts[number + 1])]
}
