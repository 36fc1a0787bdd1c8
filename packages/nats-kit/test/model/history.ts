import { Dice } from '../dice.ts'
import { ACK_WAIT_MS, type Action, APPS, CONCURRENCY, type ModelMessage, STREAMS } from './model-contracts.ts'

/** One thing that is done to the bus. Where nothing else is said, the next step follows when it is done. */
export type Step =
  | { readonly kind: 'publish'; readonly messages: readonly PlannedMessage[] }
  /** A good message, while the apps say that they are ready. */
  | { readonly kind: 'probe'; readonly stream: number }
  | {
      readonly kind: 'endProcess'
      readonly process: number
      readonly signal: 'SIGKILL' | 'SIGTERM'
      readonly downMs: number
    }
  | { readonly kind: 'endBroker'; readonly signal: 'SIGKILL' | 'SIGTERM'; readonly downMs: number }
  /** Both processes die while messages run at their last delivery, then the broker ends. */
  | { readonly kind: 'lastDelivery'; readonly messages: readonly PlannedMessage[]; readonly downMs: number }
  /** More handlers hang than an app may run. */
  | { readonly kind: 'hangAll'; readonly messages: readonly PlannedMessage[] }
  /** The apps of one process pause; the next step does not wait for the end. */
  | { readonly kind: 'pause'; readonly process: number; readonly forMs: number }
  /** Another tool pauses, edits or deletes a consumer. */
  | { readonly kind: 'pauseOnBroker'; readonly consumer: ConsumerAt; readonly forMs: number }
  | {
      readonly kind: 'editConsumer'
      readonly consumer: ConsumerAt
      readonly ackWaitMs: number
      readonly maxAckPending: number
    }
  | { readonly kind: 'deleteConsumer'; readonly consumer: ConsumerAt }
  /** No dead letter can be stored; the next step does not wait for the end. */
  | { readonly kind: 'fillDeadLetters'; readonly stream: number; readonly forMs: number }
  /** Every connection of the apps is reset, and new ones are refused for a while. */
  | { readonly kind: 'cut'; readonly forMs: number }
  | { readonly kind: 'wait'; readonly forMs: number }

export interface PlannedMessage {
  readonly stream: number
  readonly message: ModelMessage
}

export interface ConsumerAt {
  readonly app: string
  readonly stream: number
}

/**
 * What a history is made of: faults of every kind, or only the one that ends messages at their last delivery, which is
 * lost among the others.
 */
export type HistoryKind = 'any fault' | 'last deliveries'

const MESSAGES = 24
const SHORT_MS = [50, 200, 500] as const
const LONG_MS = [ACK_WAIT_MS * 1.5, ACK_WAIT_MS * 2.5] as const

/** The steps of a seed, in rounds of a few faults each. */
export function historyOf(kind: HistoryKind, seed: number, rounds: number): readonly Step[] {
  const dice = new Dice(seed)
  const steps: Step[] = []
  let published = 0
  const anyStream = (): number => dice.int(0, STREAMS - 1)
  const planned = (stream: number, content: Omit<ModelMessage, 'id'>): PlannedMessage => ({
    stream,
    message: { id: `m-${published++}`, ...content },
  })
  const anyMessages = (): Step => ({
    kind: 'publish',
    messages: Array.from({ length: MESSAGES }, () => planned(anyStream(), { script: anyScript(dice) })),
  })
  const hanging = (count: number, stream: number): PlannedMessage[] =>
    Array.from({ length: count }, () => planned(stream, { script: ['hang', 'ok'] }))
  for (let round = 1; round <= rounds; round++) {
    if (kind === 'any fault') {
      steps.push(anyMessages())
      for (let fault = dice.int(2, 4); fault > 0; fault--) {
        steps.push(anyFault(dice))
        if (dice.chance(0.5)) steps.push(anyMessages())
      }
      steps.push({ kind: 'probe', stream: anyStream() })
    }
    // Fewer than handlers run at once, in each stream.
    const messages = Array.from({ length: STREAMS * (CONCURRENCY - 1) }, (_, n) =>
      planned(n % STREAMS, { script: ['ok'], atLast: 'hang' }),
    )
    steps.push({ kind: 'lastDelivery', messages, downMs: dice.pick(LONG_MS) }, { kind: 'probe', stream: anyStream() })
  }
  const stream = anyStream()
  if (kind === 'any fault') {
    steps.push({ kind: 'hangAll', messages: hanging(2 * CONCURRENCY + 2, stream) }, { kind: 'probe', stream })
  }
  return steps
}

/** It always comes to an end: what hangs or dies does so a few times, and not for ever. */
function anyScript(dice: Dice): Action[] {
  const first: Action[] = Array.from({ length: dice.int(0, 2) }, () =>
    dice.weighted<Action>([
      [8, 'throw'],
      [4, 'later'],
      [3, 'hang'],
      [1, 'die'],
    ]),
  )
  const last = dice.weighted<Action>([
    [20, 'ok'],
    [3, 'slow'],
    [2, 'throw'],
    [1, 'deadLetter'],
  ])
  return dice.chance(0.5) ? ['ok'] : [...first, last]
}

function anyFault(dice: Dice): Step {
  const consumer = (): ConsumerAt => ({ app: dice.pick(APPS).name, stream: dice.int(0, STREAMS - 1) })
  const downMs = (): number => dice.pick(dice.chance(0.5) ? SHORT_MS : LONG_MS)
  const signal = (): 'SIGKILL' | 'SIGTERM' => dice.pick(['SIGKILL', 'SIGTERM'] as const)
  return dice.weighted<() => Step>([
    [4, () => ({ kind: 'endProcess', process: dice.int(0, 1), signal: signal(), downMs: downMs() })],
    [4, () => ({ kind: 'endBroker', signal: signal(), downMs: downMs() })],
    [2, () => ({ kind: 'pause', process: dice.int(0, 1), forMs: dice.int(200, 2_000) })],
    [2, () => ({ kind: 'pauseOnBroker', consumer: consumer(), forMs: dice.int(500, 2_000) })],
    [
      2,
      () => ({
        kind: 'editConsumer',
        consumer: consumer(),
        ackWaitMs: dice.pick([500, 3_000]),
        maxAckPending: dice.int(20, 50),
      }),
    ],
    [3, () => ({ kind: 'deleteConsumer', consumer: consumer() })],
    [2, () => ({ kind: 'fillDeadLetters', stream: dice.int(0, STREAMS - 1), forMs: dice.int(500, 3_000) })],
    [3, () => ({ kind: 'cut', forMs: dice.pick(SHORT_MS) })],
    [1, () => ({ kind: 'wait', forMs: dice.int(100, 1_000) })],
  ])()
}

/** One line, for people. */
export function describeStep(step: Step): string {
  const { kind, ...rest } = step
  if (!('messages' in rest)) return `${kind} ${JSON.stringify(rest)}`
  const { messages, ...others } = rest
  const scripts = messages.map(
    ({ stream, message: { id, script, atLast } }) => `${id}>${stream}:${atLast ?? script.join('+')}`,
  )
  return `${kind} ${JSON.stringify(others)} ${scripts.join(' ')}`
}
