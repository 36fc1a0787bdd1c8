import { Dice } from '../dice.ts'
import { anyBody, type HandlerAction } from './bodies.ts'
import { anyHeaderBlock } from './header-blocks.ts'
import type { Frame } from './raw-connection.ts'

/** One foreign message, and what has to become of it if the server stores it. */
export interface ForeignCase {
  readonly index: number
  readonly frame: Frame
  /** `either` where the message is valid for one reader and not for another: one end or the other, and only one. */
  readonly end: 'handled' | 'deadLetter' | 'either'
  readonly does: HandlerAction
  /** What is odd about it, for the report of a failure. */
  readonly kind: string
}

/** A message that the server stored, and what has to become of it. */
export interface StoredCase {
  readonly seq: number
  readonly end: ForeignCase['end']
  /** Of the foreign message itself, or of the one that a good message was sent behind. */
  readonly index: number
  readonly isForeign: boolean
}

/** A promise of the kit that did not hold. */
export interface Violation {
  readonly what: string
  /** The case that it was seen at, where it was at one. */
  readonly index?: number
}

const END_OF: Readonly<Record<HandlerAction, ForeignCase['end']>> = {
  handle: 'handled',
  throwOnce: 'handled',
  retryLater: 'handled',
  throw: 'deadLetter',
  throwOdd: 'deadLetter',
  deadLetter: 'deadLetter',
}

/** The case of a seed and an index, whatever the other cases are: any one can be made again alone. */
export function foreignCase(seed: number, index: number, maxMessageBytes: number): ForeignCase {
  const dice = new Dice(seed ^ Math.imul(index + 1, 0x9e3779b1))
  const header = anyHeaderBlock(dice)
  const body = anyBody(dice, `foreign-${index}`, maxMessageBytes - (header.bytes?.length ?? 0))
  const isClear = body.is === 'invalid' || (body.is === 'valid' && header.isPlain)
  return {
    index,
    frame: { header: header.bytes, body: body.bytes },
    end: !isClear ? 'either' : body.is === 'invalid' ? 'deadLetter' : END_OF[body.does],
    does: body.does,
    kind: `header: ${header.kind}; body: ${body.kind}, ${body.does}`,
  }
}

/** The frame as it goes over the wire, in hexadecimal digits; of a long one the first bytes. */
export function describeCase({ index, frame, kind }: ForeignCase): string {
  const hex = (bytes: Uint8Array): string => {
    const text = Buffer.from(bytes.subarray(0, 400)).toString('hex')
    return bytes.length > 400 ? `${text}… (${bytes.length} bytes)` : text
  }
  return `case ${index} (${kind})\n  header ${frame.header ? hex(frame.header) : 'none'}\n  body   ${hex(frame.body)}`
}
