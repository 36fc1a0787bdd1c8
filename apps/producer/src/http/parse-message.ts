import { isUtf8 } from 'node:buffer'

/**
 * The one reading of a message's bytes, alone or in a batch. Bytes that are not UTF-8 are refused rather than replaced:
 * what is stored is what was sent.
 *
 * @throws Error that says why.
 */
export function parseMessage(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new Error('it is not UTF-8')
  return JSON.parse(bytes.toString('utf8')) as unknown
}

/** What JSON takes for blank, and nothing else: space, tab, line feed, carriage return. */
export function isBlankByte(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
