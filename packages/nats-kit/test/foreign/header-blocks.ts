import type { Dice } from '../dice.ts'
import { latin1, plainLine, someLines } from './header-lines.ts'

export interface HeaderBlock {
  /** Undefined goes out without headers. */
  readonly bytes: Buffer | undefined
  /** Well formed, and with names of nobody's: every client reads it, and it means nothing to server or kit. */
  readonly isPlain: boolean
  /** For the report of a failure. */
  readonly kind: string
}

/** The server refuses a longer block with 10097. */
export const MAX_HEADER_BYTES = 65_535
const START = 'NATS/1.0'
const STATUS_LINES: readonly string[] = [
  '503',
  '503 No Responders',
  '100 Idle Heartbeat',
  '100 FlowControl Request',
  '404 No Messages',
  '408 Request Timeout',
  '409 Consumer Deleted',
  '409 Message Size Exceeds MaxBytes',
  '204 EOB',
  '-1 x',
  '1e9',
  'NaN',
  'garbage\0',
]

const blockOf = (start: string, lines: readonly Buffer[], end = '\r\n\r\n'): Buffer =>
  Buffer.concat([latin1(start), ...lines.flatMap((line) => [latin1('\r\n'), line]), latin1(end)])

export function plainBlock(dice: Dice): HeaderBlock {
  const lines = Array.from({ length: dice.int(1, 3) }, () => plainLine(dice))
  return { bytes: blockOf(START, lines), isPlain: true, kind: 'plain' }
}

const odd = (kind: string, bytes: Buffer): HeaderBlock => ({ kind, bytes, isPlain: false })

/** Up to the byte at which the server refuses: one long value, one long name, or thousands of short lines. */
function hugeBlock(dice: Dice): HeaderBlock {
  const size = dice.pick([
    MAX_HEADER_BYTES,
    MAX_HEADER_BYTES,
    MAX_HEADER_BYTES - 1,
    dice.int(30_000, MAX_HEADER_BYTES),
    MAX_HEADER_BYTES + 1,
  ])
  const fixed = `${START}\r\n: \r\n\r\n`.length
  const shape = dice.int(0, 2)
  if (shape === 0) return odd(`huge value, ${size}`, blockOf(START, [latin1(`h: ${'v'.repeat(size - fixed - 1)}`)]))
  if (shape === 1) return odd(`huge name, ${size}`, blockOf(START, [latin1(`${'n'.repeat(size - fixed - 1)}: v`)]))
  const line = latin1('a: b')
  const count = Math.floor((size - START.length - 4) / (line.length + 2))
  return odd(
    `${count} lines`,
    blockOf(
      START,
      Array.from({ length: count }, () => line),
    ),
  )
}

function statusBlock(dice: Dice): HeaderBlock {
  const status = dice.pick(STATUS_LINES)
  const lines = dice.chance(0.5) ? [plainLine(dice)] : []
  return odd(`status ${status}`, blockOf(`${START} ${status}`, lines))
}

function brokenBlock(dice: Dice): HeaderBlock {
  const line = plainLine(dice)
  const whole = blockOf(START, [line])
  return odd(
    'not a block',
    dice.pick([
      latin1('x'),
      latin1('\r\n'),
      latin1('\r\n\r\n'),
      latin1('NATS/1.0'),
      latin1('NATS/1.0\r\n'),
      latin1('NATS/1.0\n\n'),
      whole.subarray(0, dice.int(1, whole.length - 1)),
      blockOf('NATS/2.0', [line]),
      blockOf('HTTP/1.1 200 OK', [line]),
      blockOf('', [line]),
      blockOf(START, [line, latin1(''), line]),
      Buffer.concat([whole, whole]),
      dice.bytes(dice.int(1, 200)),
    ]),
  )
}

export function anyHeaderBlock(dice: Dice): HeaderBlock {
  const make = dice.weighted<(dice: Dice) => HeaderBlock>([
    [10, () => ({ bytes: undefined, isPlain: true, kind: 'none' })],
    [10, plainBlock],
    [
      30,
      () => {
        const { lines, kind } = someLines(dice, 1)
        return odd(kind, blockOf(START, lines))
      },
    ],
    [
      25,
      () => {
        const { lines, kind } = someLines(dice, 6)
        return odd(kind, blockOf(START, lines))
      },
    ],
    [10, statusBlock],
    [12, brokenBlock],
    [3, hugeBlock],
  ])
  return make(dice)
}
