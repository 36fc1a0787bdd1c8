import { SpanKind } from '@opentelemetry/api'
import { findTracer } from '../tracing/find-tracer.ts'
import { inSpan, remoteParent, startSpan } from '../tracing/spans.ts'
import { readTraceHeaders } from '../tracing/trace-headers.ts'
import { DeadLetter, RetryLater } from './handler-errors.ts'
import type { BatchContext, BatchMessage, BatchOutcome } from './batch-message.ts'

/** Messages that were put off and have not come back here, at most; an older one is handled alone then. */
const MAX_PUT_OFF = 10_000

/** Until a message comes again for which no batch could be begun. */
const AGAIN_MS = 1_000

interface Pending {
  readonly one: BatchMessage
  /** It failed before. */
  readonly isAlone: boolean
  readonly end: (outcome: unknown) => void
  isOver: boolean
}

export interface BatcherOptions {
  readonly maxMessages: number
  readonly maxWaitMs: number
  readonly maxBatches: number
  handle(messages: readonly BatchMessage[], context: BatchContext): unknown
}

/** Gathers messages into batches, and gives each its own end. Holds no more than run in their handlers. */
export class Batcher {
  readonly #options: BatcherOptions
  readonly #gathering: Pending[] = []
  /** Delivered again: each is a batch of its own. */
  readonly #alone: Pending[] = []
  readonly #putOff = new Set<string>()
  /** Of what is in a batch: called when it no longer counts. */
  readonly #onOver = new WeakMap<Pending, () => void>()
  #running = 0
  #isDue = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: BatcherOptions) {
    this.#options = options
  }

  /** Ends as the message does in its batch. */
  add(one: BatchMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        one,
        isAlone: this.#isAgain(one),
        isOver: false,
        end(outcome) {
          pending.isOver = true
          if (outcome === undefined) resolve()
          else reject(outcome)
        },
      }
      const { context } = one
      // Its time has passed behind a batch that hangs, which is no failure of this message's.
      context.signal.addEventListener('abort', () => this.#lateToBegin(pending), { once: true })
      // Its batch hangs.
      context.onTakenBack?.(() => this.#takenBack(pending))
      if (pending.isAlone) this.#alone.push(pending)
      else this.#gathering.push(pending)
      this.#begin()
    })
  }

  /** Whether the message failed before, here or elsewhere. */
  #isAgain({ context }: BatchMessage): boolean {
    const key = keyOf(context)
    return !this.#putOff.delete(key) && context.deliveryCount > 1
  }

  #begin(): void {
    const { maxMessages, maxWaitMs, maxBatches } = this.#options
    while (this.#running < maxBatches) {
      const alone = this.#alone.shift()
      if (alone) {
        this.#run([alone])
      } else if (this.#gathering.length >= maxMessages || (this.#isDue && this.#gathering.length > 0)) {
        this.#isDue = false
        clearTimeout(this.#timer)
        this.#timer = undefined
        this.#run(this.#gathering.splice(0, maxMessages))
      } else break
    }
    if (this.#gathering.length > 0 && !this.#isDue) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined
        this.#isDue = true
        this.#begin()
      }, maxWaitMs)
    }
  }

  #run(batch: readonly Pending[]): void {
    this.#running++
    let isReleased = false
    const release = (): void => {
      if (isReleased) return
      isReleased = true
      this.#running--
      this.#begin()
    }
    for (const pending of batch) this.#onOver.set(pending, () => batch.every(({ isOver }) => isOver) && release())
    void this.#handle(batch).then(release)
  }

  #lateToBegin(pending: Pending): void {
    const waiting = pending.isAlone ? this.#alone : this.#gathering
    const index = waiting.indexOf(pending)
    if (index < 0) return
    waiting.splice(index, 1)
    this.#end(pending, new RetryLater(AGAIN_MS, 'no batch could be begun in its time'))
  }

  #takenBack(pending: Pending): void {
    pending.end(new Error('the message was taken back from its batch'))
    this.#onOver.get(pending)?.()
  }

  /** Never rejects. */
  async #handle(batch: readonly Pending[]): Promise<void> {
    const messages = batch.map(({ one }) => one)
    try {
      const outcomes: unknown = await inBatchSpan(messages, () => this.#options.handle(messages, contextOf(messages)))
      const each = outcomesOf(outcomes, batch.length)
      batch.forEach((pending, i) => this.#end(pending, each[i]))
    } catch (error) {
      // Which of them it was for nobody knows.
      const isForAll = batch.length > 1 && error instanceof DeadLetter
      const failure = isForAll ? new Error(`a batch gave up: ${error.message}`, { cause: error }) : (error ?? NOTHING)
      for (const pending of batch) this.#end(pending, failure)
    }
  }

  #end(pending: Pending, outcome: unknown): void {
    if (pending.isOver) return
    if (outcome instanceof RetryLater && !pending.isAlone) this.#putOff.add(keyOf(pending.one.context))
    if (this.#putOff.size > MAX_PUT_OFF) this.#putOff.delete(this.#putOff.values().next().value as string)
    pending.end(outcome)
  }
}

/** A batch belongs to no one message's trace: its span links to all of them. */
function inBatchSpan(messages: readonly BatchMessage[], handle: () => unknown): unknown {
  const tracer = findTracer()
  const [first] = messages
  if (!tracer || !first) return handle()
  const links = messages.flatMap(({ context }) => readTraceHeaders((name) => context.header(name)) ?? [])
  const { subject, consumer } = first.context
  const attributes = { 'messaging.batch.message_count': messages.length, 'messaging.consumer.group.name': consumer }
  const operation = { kind: SpanKind.CONSUMER, operation: 'process', type: 'process' } as const
  const span = startSpan(tracer, { ...operation, subject, attributes, links }, remoteParent(undefined))
  return inSpan(span, handle)
}

const NOTHING = new Error('the handler of a batch rejected without a reason')

function keyOf({ stream, seq, storedAt }: BatchMessage['context']): string {
  return `${stream} ${seq} ${storedAt.getTime()}`
}

function contextOf(messages: readonly BatchMessage[]): BatchContext {
  const [first] = messages as [BatchMessage]
  const { channel, logger } = first.context
  let signal: AbortSignal | undefined
  return {
    channel,
    logger,
    get signal() {
      return (signal ??= AbortSignal.any(messages.map(({ context }) => context.signal)))
    },
  }
}

/** @throws Error when there is not an outcome for each message: which is whose cannot be told. */
function outcomesOf(outcomes: unknown, length: number): readonly BatchOutcome[] {
  if (outcomes === undefined) return []
  if (!Array.isArray(outcomes) || outcomes.length !== length)
    throw new Error(`the handler of a batch of ${length} must return nothing, or ${length} outcomes`)
  return Array.from(outcomes as readonly unknown[], (outcome) => {
    if (outcome === undefined || outcome instanceof Error) return outcome
    return new Error('an outcome of a batch must be undefined or an Error')
  })
}
