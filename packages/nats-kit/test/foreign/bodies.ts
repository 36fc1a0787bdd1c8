import type { Dice } from '../dice.ts'

/** What the test's handler does with a message that it is given. */
export const HANDLER_ACTIONS = ['handle', 'throw', 'throwOnce', 'throwOdd', 'deadLetter', 'retryLater'] as const
export type HandlerAction = (typeof HANDLER_ACTIONS)[number]

export interface Body {
  readonly bytes: Buffer
  /** `valid` for the schema without doubt, `invalid` without doubt, or `unclear`: then any end is right. */
  readonly is: 'valid' | 'invalid' | 'unclear'
  readonly does: HandlerAction
  readonly kind: string
}

const anyAction = (dice: Dice): HandlerAction =>
  dice.weighted([
    [12, 'handle'],
    [3, 'throw'],
    [3, 'throwOnce'],
    [1, 'throwOdd'],
    [1, 'deadLetter'],
    [1, 'retryLater'],
  ] as const)

const PLAIN_TEXTS = ['x', 'Käse 추적 🧀', 'a\nb\r\n\0', '"quoted" \\ /', '\u2028\ufeff']

function validBody(dice: Dice, id: string, minBytes = 0): Body {
  const does = anyAction(dice)
  const message = { id, does, text: dice.pick(PLAIN_TEXTS) }
  const text = dice.chance(0.3) ? JSON.stringify(message, undefined, 2) : JSON.stringify(message)
  const bytes = Buffer.from(text)
  // Blanks behind JSON are JSON.
  const padded = Buffer.concat([bytes, Buffer.alloc(Math.max(0, minBytes - bytes.length), ' ')])
  return { bytes: padded, is: 'valid', does, kind: minBytes > 0 ? 'valid, padded' : 'valid' }
}

const invalid = (kind: string, bytes: Buffer | string): Body => ({
  kind,
  bytes: Buffer.from(bytes),
  is: 'invalid',
  does: 'handle',
})
const unclear = (kind: string, bytes: Buffer | string): Body => ({
  kind,
  bytes: Buffer.from(bytes),
  is: 'unclear',
  does: 'handle',
})

const INVALID: readonly Body[] = [
  invalid('empty', ''),
  invalid('blanks', ' \r\n'),
  invalid('cut off', '{"id": '),
  invalid('no JSON', 'PUB x 0\r\n\r\n'),
  invalid('not UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22])),
  invalid('UTF-16', Buffer.from('{"id":"a"}', 'utf16le')),
  invalid('null', 'null'),
  invalid('array', '[]'),
  invalid('number', '1e400'),
  invalid('string', '"id"'),
  invalid('wrong type', '{"id":7}'),
  invalid('empty id', '{"id":""}'),
  invalid('unknown action', '{"id":"a","does":"explode"}'),
  invalid('deep', '['.repeat(20_000)),
  invalid('deep and closed', `${'['.repeat(5_000)}${']'.repeat(5_000)}`),
  invalid('NUL', '\0'),
]
const UNCLEAR: readonly Body[] = [
  unclear('byte order mark', '\ufeff{"id":"a"}'),
  unclear('unknown fields', '{"id":"a","more":{"x":[1,2,3]}}'),
  unclear('name twice', '{"id":1,"id":"a"}'),
  unclear('prototype', '{"id":"a","__proto__":{"does":"throw"},"constructor":1}'),
  unclear('lone surrogate', '{"id":"\\ud800"}'),
]

/** @param id of the message, where it is a valid one. @param maxBytes that fit behind the header block. */
export function anyBody(dice: Dice, id: string, maxBytes: number): Body {
  const make = dice.weighted<() => Body>([
    [50, () => validBody(dice, id)],
    [25, () => dice.pick(INVALID)],
    [8, () => dice.pick(UNCLEAR)],
    [10, () => invalid('random bytes', Buffer.concat([Buffer.from([0xff]), dice.bytes(dice.int(0, 300))]))],
    [1, () => validBody(dice, id, maxBytes - dice.int(0, 1))],
    [1, () => invalid('as large as it fits', Buffer.alloc(maxBytes, 0xff))],
  ])
  return make()
}
