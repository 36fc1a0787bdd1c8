import type { LogKey } from '../store/log-row.ts'

/** Tokens are numbers of so many bits. Two things may share one: the index names candidates, and the rows decide. */
export const TOKEN_BITS = 20
const SHIFT = 32 - TOKEN_BITS
const ASCII = 128
/** Of a longer text so many are looked for, spread over it: each narrows the candidates down, and costs a read. */
const MAX_WANTED = 24

/** What stands for a row whose text has more tokens than a row may: it is a candidate for every text. */
export const ANY_TEXT = tokenOf('any text')

export function channelToken(channel: string): number {
  return tokenOf(`channel ${channel}`)
}

export function requestToken(requestId: string): number {
  return tokenOf(`request ${requestId}`)
}

export function messageToken(messageId: string): number {
  return tokenOf(`message ${messageId}`)
}

export function logToken({ stream, seq }: Pick<LogKey, 'stream' | 'seq'>): number {
  return tokenOf(`log ${seq} ${stream}`)
}

/**
 * The tokens of a text, some of them more than once: each two UTF-16 units that stand together, and each three where all
 * are ASCII. Two Hangul syllables are as telling as a word; two Latin letters are in every other text.
 */
export function visitTokens(text: string, visit: (token: number) => void): void {
  let a = ASCII
  let b = ASCII
  for (let index = 0; index < text.length; index++) {
    const c = text.charCodeAt(index)
    if (index > 0) visit(ofTwo(b, c))
    if (a < ASCII && b < ASCII && c < ASCII) visit(ofThree(a, b, c))
    a = b
    b = c
  }
}

/** What every text has that contains this one. Empty where it has less than two UTF-16 units: then nothing can be said. */
export function wantedTokens(text: string): readonly number[] {
  const wanted = new Set<number>()
  const isAscii = (index: number): boolean => text.charCodeAt(index) < ASCII
  const isThree = (index: number): boolean => isAscii(index) && isAscii(index + 1) && isAscii(index + 2)
  for (let index = 0; index + 1 < text.length; index++) {
    if (isThree(index))
      wanted.add(ofThree(text.charCodeAt(index), text.charCodeAt(index + 1), text.charCodeAt(index + 2)))
    // Two that are part of three say nothing more.
    else if (!isThree(index - 1)) wanted.add(ofTwo(text.charCodeAt(index), text.charCodeAt(index + 1)))
  }
  const all = [...wanted]
  if (all.length <= MAX_WANTED) return all
  return Array.from({ length: MAX_WANTED }, (_, index) => all[Math.floor((index * all.length) / MAX_WANTED)] as number)
}

function ofTwo(a: number, b: number): number {
  return mixed((a << 16) | b)
}

function ofThree(a: number, b: number, c: number): number {
  // No text has these as two units: a half of a surrogate pair with something else behind it.
  return mixed(0xd8000000 ^ ((a << 14) | (b << 7) | c))
}

/** FNV-1a. */
function tokenOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return mixed(hash)
}

/** Spreads neighbours; what is stored depends on it, so it never changes. */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d)
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
  return (hash ^ (hash >>> 15)) >>> SHIFT
}
