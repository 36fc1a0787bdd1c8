import { randomFillSync } from 'node:crypto'

const BYTES = 16
/** Ids for which random bytes are drawn at once. */
const DRAWN_IDS = 256

const HEX = Buffer.from('0123456789abcdef')
/** Where the two digits of each byte stand: 8-4-4-4-12. */
const POSITIONS = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const

const random = Buffer.alloc(BYTES * DRAWN_IDS)
const digits = Buffer.alloc(36, '-')
let next = random.length

/**
 * A random UUID (version 4) as one flat string. That of `crypto.randomUUID` is put together from twenty pieces, which
 * stay in memory, ten times the text, for as long as the message waits for its ack.
 */
export function freshMessageId(): string {
  if (next === random.length) {
    randomFillSync(random)
    next = 0
  }
  for (let index = 0; index < BYTES; index++) {
    const byte = withVersion(index, random[next + index] as number)
    const position = POSITIONS[index] as number
    digits[position] = HEX[byte >> 4] as number
    digits[position + 1] = HEX[byte & 15] as number
  }
  next += BYTES
  return digits.toString('latin1')
}

/** RFC 9562: the seventh byte carries the version, the ninth the variant. */
function withVersion(index: number, byte: number): number {
  if (index === 6) return (byte & 0x0f) | 0x40
  if (index === 8) return (byte & 0x3f) | 0x80
  return byte
}
