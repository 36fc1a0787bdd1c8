import type { Msg } from '@nats-io/transport-node'
import { HEADER_NAME } from './headers.ts'

/** What the client keeps of a message before anybody asks. Fields of its class, absent from its type. */
interface Received {
  readonly _msg?: { readonly hdr: number; readonly subject?: Uint8Array }
  readonly _rdata?: Uint8Array
}

/**
 * The header block of a message as it came over the wire, undefined where it has none. Not through the client's
 * `headers`, which throws on names and values that the server stores.
 */
export function headerBytesOf(message: Msg): Uint8Array | undefined {
  const { _msg, _rdata } = message as unknown as Received
  return _msg !== undefined && _rdata !== undefined && _msg.hdr > 0 ? _rdata.subarray(0, _msg.hdr) : undefined
}

/** Bytes of a message's body, without making a view of it. */
export function bodyLengthOf(message: Msg): number {
  const { _msg, _rdata } = message as unknown as Received
  if (_msg === undefined || _rdata === undefined) return message.data.length
  return _rdata.length - Math.max(0, _msg.hdr)
}

/** Whether the message came on this subject, told without decoding it. */
export function isOnSubject(message: Msg, subject: Uint8Array): boolean {
  const { _msg } = message as unknown as Received
  const own = _msg?.subject
  if (own === undefined) return Buffer.from(message.subject).equals(subject)
  if (own.length !== subject.length) return false
  // By hand, since it is shorter than what a call costs; from the end, where subjects differ.
  for (let i = own.length - 1; i >= 0; i--) if (own[i] !== subject[i]) return false
  return true
}

/** A message on bytes of its own, answered on `reply`. */
export function copiedMessage(message: Msg, reply: string): Msg {
  const head = headerBytesOf(message)
  const bytes = Buffer.concat([...(head ? [head] : []), message.data])
  const received = { _msg: { hdr: head?.length ?? -1 }, _rdata: bytes }
  const { subject, sid } = message
  return { subject, sid, reply, data: bytes.subarray(head?.length ?? 0), ...received } as unknown as Msg
}

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
