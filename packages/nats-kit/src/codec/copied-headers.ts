import { headerLine } from './headers.ts'
import { readHeaderBlock } from './header-block.ts'

/** Bytes of header lines that are copied, at most: the server takes 64 KiB, and the copy has headers of its own. */
const MAX_COPIED_BYTES = 32 * 1024
/** Names that would act on the copy, or be taken for the copy's own. */
const OWN_NAMES = /^(nats-|dead-letter-|redrive-)/i

/**
 * The lines of a header block for a copy of its message, each name that means something there behind `prefix`. Undefined
 * for a block that could not be made of these lines again, byte for byte, or is too large: it goes in front of the body.
 */
export function copiedLines(
  headerBytes: Uint8Array | undefined,
  prefix: string,
  maxBytes = MAX_COPIED_BYTES,
): string | undefined {
  if (headerBytes === undefined) return ''
  const { lines, isPlain } = readHeaderBlock(headerBytes)
  if (!isPlain) return undefined
  let text = ''
  for (const [name, value] of lines) text += headerLine(OWN_NAMES.test(name) ? prefix + name : name, value)
  return Buffer.byteLength(text) <= Math.min(maxBytes, MAX_COPIED_BYTES) ? text : undefined
}
