import { HEADER_NAME } from './headers.ts'

export type HeaderLine = readonly [name: string, value: string]

/** A header block, read leniently: every byte sequence has an answer. */
export interface HeaderBlock {
  /** Each line that has a name, in order, with its value trimmed. */
  readonly lines: readonly HeaderLine[]
  /** Whether writing the lines again gives the same bytes: names and values that may stand in a header, in plain form. */
  readonly isPlain: boolean
}

const NO_HEADERS: HeaderBlock = { lines: [], isPlain: true }
const HEAD = 'NATS/1.0\r\n'
const strict = new TextDecoder('utf-8', { fatal: true })

/** Never throws. */
export function readHeaderBlock(bytes: Uint8Array | undefined): HeaderBlock {
  if (bytes === undefined || bytes.length === 0) return NO_HEADERS
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = buffer.toString('utf8')
  const lines: HeaderLine[] = []
  let isPlain = text.startsWith(HEAD) && isUtf8(bytes)
  let again = HEAD
  // The first line is the protocol's version, with a status where somebody wrote one.
  for (const line of text.split('\r\n').slice(1)) {
    if (line === '') continue
    const colon = line.indexOf(':')
    if (colon < 1) {
      isPlain = false
      continue
    }
    const name = line.slice(0, colon)
    const value = line.slice(colon + 1).trim()
    lines.push([name, value])
    isPlain &&= HEADER_NAME.test(name) && !/[\u0000-\u001f\u007f]/.test(value)
    if (isPlain) again += `${name}: ${value}\r\n`
  }
  return { lines, isPlain: isPlain && lines.length > 0 && `${again}\r\n` === text }
}

/** The first value under exactly this name. */
export function firstValue({ lines }: HeaderBlock, name: string): string | undefined {
  for (const [each, value] of lines) if (each === name) return value
  return undefined
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes)
    return true
  } catch {
    return false
  }
}
