import { SEGMENT_ROWS } from './postings.ts'
import { TOKEN_BITS } from './tokens.ts'

/*
 * What a segment stores, each part under a number of its own: the postings of its tokens in buckets, the keys of its rows
 * in blocks, and the times of each block.
 */

export const BUCKETS = 2_048
export const BUCKET_TOKENS = 2 ** TOKEN_BITS / BUCKETS
/** Keys that are read together. */
export const BLOCK_ROWS = 256
export const BLOCKS = SEGMENT_ROWS / BLOCK_ROWS
/** The first and last time of each block, in milliseconds, as 64-bit floating point numbers. */
export const BOUNDS_SLOT = BUCKETS + BLOCKS
/** Numbers that a segment may use. */
export const SLOTS = 4_096

export function bucketOf(token: number): number {
  return Math.floor(token / BUCKET_TOKENS)
}

export function blockSlot(block: number): number {
  return BUCKETS + block
}

/** The number under which a part is stored. */
export function partId(segment: number, slot: number): number {
  return segment * SLOTS + slot
}
