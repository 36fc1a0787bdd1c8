import { DeadLetterHeader, RedriveHeader } from '../../src/admin.ts'
import { HeaderName } from '../../src/index.ts'
import type { Dice } from '../dice.ts'

const KIT_NAMES: readonly string[] = [
  ...Object.values(DeadLetterHeader),
  ...Object.values(RedriveHeader),
  // One second to live, and the message is gone before it is looked at.
  ...Object.values(HeaderName).filter((name) => name !== HeaderName.Ttl),
  'Dead-Letter-Original-Nats-Msg-Id',
  'Dead-Letter-Original-',
  'Redrive-Original-Nats-TTL',
]
const SERVER_LINES: readonly string[] = [
  'Nats-TTL: 1h',
  'Nats-TTL: never',
  'Nats-TTL: -1',
  'Nats-Rollup: all',
  'Nats-Rollup: sub',
  'Nats-Expected-Stream: ANOTHER',
  'Nats-Expected-Last-Sequence: 0',
  'Nats-Expected-Last-Subject-Sequence: 0',
  'Nats-Expected-Last-Msg-Id: nobody',
  'Nats-Batch-Id: b\r\nNats-Batch-Sequence: 1\r\nNats-Batch-Commit: 1',
  'Nats-Batch-Id: open\r\nNats-Batch-Sequence: 1',
  'Nats-Incr: 1',
  'Nats-Schedule: @every 1s',
  'Nats-Marker-Reason: MaxAge',
  'Nats-Required-Api-Level: 99',
  'Nats-Stream: other',
  'Nats-Sequence: 1',
  'Nats-Subject: other',
  'Nats-Time-Stamp: yesterday',
  'Nats-Last-Consumer: 9',
  'Nats-Pending-Messages: 9',
  'Nats-Consumer-Stalled: x',
]

export const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')
const visible = (dice: Dice, length: number): string =>
  String.fromCharCode(...Array.from({ length }, () => dice.pick([...'abcXYZ019-_.~'].map((c) => c.charCodeAt(0)))))

/** A line that every client reads. */
export const plainLine = (dice: Dice): Buffer =>
  latin1(`${dice.pick(['trace', 'X-Kind', 'Request-Id', 'a'])}: ${visible(dice, dice.int(1, 30))}`)

/** One line without its line end, each of a kind that somebody may write. */
const LINES: readonly (readonly [weight: number, kind: string, make: (dice: Dice) => Buffer])[] = [
  [3, 'blank in the name', (dice) => latin1(`trace ${dice.pick(['', 'id', ' '])}: 1`)],
  [3, 'name that is not ASCII', (dice) => Buffer.from(`${dice.pick(['Käse', '추적', '🧀', 'tr\u00adace'])}: 1`)],
  [2, 'name with any byte', (dice) => Buffer.concat([dice.bytes(dice.int(1, 12)), latin1(': 1')])],
  [2, 'empty name', () => latin1(': no name')],
  [2, 'no colon', (dice) => latin1(visible(dice, dice.int(1, 20)))],
  [1, 'name only', (dice) => latin1(`${visible(dice, 5)}:`)],
  [3, 'line feed in the value', (dice) => latin1(`trace: a\n${dice.pick(['b', '', 'x: y', '\n'])}`)],
  [3, 'carriage return in the value', (dice) => latin1(`trace: a\r${dice.pick(['b', '', 'x: y', '\r'])}`)],
  [2, 'NUL', (dice) => latin1(dice.pick(['trace: a\0b', 'tr\0ace: a', '\0']))],
  [2, 'value with any byte', (dice) => Buffer.concat([latin1('trace:'), dice.bytes(dice.int(0, 40))])],
  [1, 'value that is not ASCII', () => Buffer.from('trace: Käse 추적 🧀')],
  [1, 'folded', () => latin1('trace: a\r\n  b')],
  [1, 'blanks around', () => latin1('trace:   \t a \t ')],
  [1, 'long value', (dice) => latin1(`trace: ${'v'.repeat(dice.int(1_000, 20_000))}`)],
  [1, 'long name', (dice) => latin1(`${'n'.repeat(dice.int(1_000, 20_000))}: 1`)],
  [
    2,
    'repeated name',
    (dice) =>
      latin1(
        Array.from({ length: dice.int(2, 40) }, (_, i) => `${dice.pick(['trace', 'TRACE', 'Trace'])}: ${i}`).join(
          '\r\n',
        ),
      ),
  ],
  [
    3,
    'kit name',
    (dice) =>
      latin1(
        `${dice.pick(KIT_NAMES)}: ${dice.pick(['', 'x', '1', '-1', '99999999999999999999', 'true', '0', 'a.b.>', '\u00ff'])}`,
      ),
  ],
  [3, 'server name', (dice) => latin1(dice.pick(SERVER_LINES))],
  [
    2,
    'id that lies',
    (dice) =>
      Buffer.from(`Nats-Msg-Id: ${dice.pick(['same', 'same', '', 'Käse', 'i'.repeat(5_000), 'a b', '\u0001'])}`),
  ],
  [
    2,
    'prototype names',
    (dice) => latin1(`${dice.pick(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])}: 1`),
  ],
]

/** From one line to `most`, each of any kind. */
export const someLines = (dice: Dice, most: number): { readonly lines: readonly Buffer[]; readonly kind: string } => {
  const kinds = Array.from({ length: dice.int(1, most) }, () =>
    dice.weighted(LINES.map((line) => [line[0], line] as const)),
  )
  return { lines: kinds.map(([, , make]) => make(dice)), kind: kinds.map(([, kind]) => kind).join(', ') }
}
