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

/** Each a few faults, then a process that dies at last deliveries, with the broker away past the ack wait. */
export interface HistoryOptions {
  readonly rounds: number
}

const MESSAGES = 24
const SHORT_MS = [50, 200, 500] as const
const LONG_MS = [ACK_WAIT_MS * 1.5, ACK_WAIT_MS * 2.5] as const

/** The steps of a seed. */
export function historyOf(seed: number, { rounds }: HistoryOptions): readonly Step[] {
  const dice = new Dice(seed)
  const steps: Step[] = []
  let published = 0
  const planned = (stream: number, content: Omit<ModelMessage, 'id'>): PlannedMessage => ({
    stream,
    message: { id: `m-${published++}`, ...content },
  })
  const anyMessages = (): Step => ({
    kind: 'publish',
    messages: Array.from({ length: MESSAGES }, () => planned(dice.int(0, STREAMS - 1), { script: anyScript(dice) })),
  })
  for (let round = 0; round < rounds; round++) {
    steps.push(anyMessages())
    for (let fault = dice.int(2, 4); fault > 0; fault--) {
      steps.push(anyFault(dice))
      if (dice.chance(0.5)) steps.push(anyMessages())
    }
    steps.push({ kind: 'probe', stream: dice.int(0, STREAMS - 1) })
    steps.push({
      kind: 'lastDelivery',
      // Fewer than handlers run at once, in each stream.
      messages: Array.from({ length: STREAMS * 3 }, (_, n) => planned(n % STREAMS, { script: ['ok'], atLast: 'hang' })),
      downMs: dice.pick(LONG_MS),
    })
    if (round === 0) {
      const stream = dice.int(0, STREAMS - 1)
      const messages = Array.from({ length: 2 * CONCURRENCY + 2 }, () => planned(stream, { script: ['hang', 'ok'] }))
      steps.push({ kind: 'hangAll', messages }, { kind: 'probe', stream })
    } else steps.push({ kind: 'probe', stream: dice.int(0, STREAMS - 1) })
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
