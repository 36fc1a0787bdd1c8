import { InvalidMessage } from '@alarm-bus/contracts'
import type { Msg } from '@nats-io/transport-node'
import { HeaderName } from '../codec/headers.ts'
import type { Connection } from '../connection/connection.ts'
import { keepDeadLetter } from '../dead-letters/keep-dead-letter.ts'
import { errorText } from '../errors.ts'
import type { StoredSender } from '../publish/stored-sender.ts'
import { decide, type Outcome, type SettlePolicy, type Verdict } from './decide.ts'
import { ackHead } from './ack-subject.ts'
import type { Envelope, EnvelopeScope } from './envelope.ts'
import type { Handling, HandlingLimits } from './handling.ts'
import { KeyOrder } from './key-order.ts'
import { isUnrun, nativePromise } from './handler-result.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { type Lease, Leases } from './leases.ts'
import { safeDelayOf } from './retry-policy.ts'
import { ParkedMessages } from './parked-messages.ts'
import { RetryWaits } from './retry-waits.ts'
import { Settler } from './settler.ts'
import { DeliverySpans } from '../tracing/delivery-spans.ts'
import { findTracer } from '../tracing/find-tracer.ts'
import { type TrialNotes, Trials } from './trials.ts'
import { Turns } from './turns.ts'
import { UnrunDeliveries } from './unrun-deliveries.ts'

/** What shutdown gave up on. */
export interface AbandonedMessage {
  readonly stream: string
  readonly seq: number
  readonly channel: string
  readonly deliveryCount: number
}

/** Until a message that could not be settled is redelivered. */
const LATER_MS = 5_000
/** Messages that wait here for an earlier one of their key; at this many nothing more is asked for. */
const MAX_HELD = 500
/** Of new ones while deliveries of the process before are still to come. */
const MAX_EARLY = 100
/** How often it is looked whether something is no longer waited for. */
const ORDER_SWEEP_MS = 250

export interface ProcessorOf {
  readonly connection: Connection
  readonly handling: Handling
  readonly limits: HandlingLimits
  readonly deadLetters: StoredSender
  readonly notes: TrialNotes
  /** The consumer that delivers. */
  readonly stream: string
  readonly consumer: string
  /** A message was settled, so one more may be asked for. */
  readonly onDone: () => void
  /** Milliseconds until a message leaves its stream. Default: by the declared age and this process's clock. */
  readonly leavesInMs?: (envelope: Envelope) => number
  /** Every verdict goes to the broker, waits that a handler asks for among them. Default false: those are kept here. */
  readonly settlesAll?: boolean
}

/**
 * Takes a consumer's deliveries from envelope to verdict: opened, checked, handled, decided, settled. Every delivery that
 * it takes ends with one verdict, or is abandoned at a stop and redelivered.
 */
export class MessageProcessor {
  readonly #of: ProcessorOf
  readonly #scope: EnvelopeScope
  readonly #policy: SettlePolicy
  readonly #settler: Settler
  /** Deliveries that count on the broker and not here. */
  readonly unrun = new UnrunDeliveries()
  readonly #waits = new RetryWaits()
  readonly #parked = new ParkedMessages((envelope) => this.#onDue(envelope))
  readonly #keeper: LeaseKeeper
  readonly #stopSignal = new AbortController()
  readonly #leases = new Leases({
    onDone: (lease) => this.#ended(lease, RETURNED),
    onFailed: (lease, error) => this.#ended(lease, { kind: 'failed', error }),
    onLate: (envelope, error) => this.#late(envelope, error),
  })
  #idle: (() => void)[] = []
  #settled = 0
  #last: Envelope | undefined
  readonly #turns: Turns
  /** Undefined where messages are in no order. */
  readonly #order: KeyOrder | undefined
  readonly #orderSweep: NodeJS.Timeout | undefined
  /** Undefined where no tracer is registered. */
  readonly #spans: DeliverySpans | undefined
  #trouble: string | undefined

  constructor(of: ProcessorOf) {
    this.#of = of
    const { connection, handling, limits, stream, consumer } = of
    const { logger } = connection
    const tracer = findTracer()
    this.#spans = tracer && new DeliverySpans(tracer)
    this.#scope = { channel: handling.channel, logger }
    this.#policy = {
      maxDeliver: handling.maxDeliver,
      retryDelayMs: (failures, error) => safeDelayOf(handling.retry, failures, error, handling.channel, logger),
    }
    this.#settler = new Settler(connection, ackHead(stream, consumer))
    this.#turns = new Turns({
      leases: this.#leases,
      trials: new Trials(of.notes, logger),
      concurrency: limits.concurrency,
      stopped: this.#stopSignal.signal,
      run: (lease, now) => this.#handle(lease, now),
      settle: (lease, outcome) => this.#settle(lease, outcome),
      onBug: (lease, error) => this.#onBug(lease, error),
    })
    if (handling.keyOf) {
      this.#order = new KeyOrder()
      this.#orderSweep = setInterval(() => this.#beginAll(), ORDER_SWEEP_MS).unref()
    }
    const kept = { leases: this.#leases, parked: this.#parked, settler: this.#settler }
    this.#keeper = new LeaseKeeper(limits, kept, (lease, ranMs) => this.#takeBack(lease, ranMs))
  }

  /** Messages that were taken and are not settled. */
  get running(): number {
    return this.#leases.size
  }

  /** How much of the bound is taken: all of it while as many wait for an earlier one of their key as may. */
  get taken(): number {
    // What went back comes only where it is asked for, and others may wait for it.
    const isFull = this.#parked.heldCount >= MAX_HELD && this.#order?.isComplete === true
    return this.#leases.size + (isFull ? this.#of.limits.concurrency : 0)
  }

  /** Whether deliveries of the process before are waited for, so that messages of one key keep their order. */
  get isSettling(): boolean {
    return this.#order?.isSettling === true
  }

  /** The consumer begins to deliver: up to that sequence it has delivered, and so many have no verdict. */
  begins(upTo: number, unsettled: number): void {
    const here = this.#leases.size + this.#parked.size
    // What nobody keeps alive is redelivered within the ack wait.
    this.#order?.begins(upTo, unsettled - here, performance.now() + 2 * this.#of.limits.ackWaitMs)
  }

  /** Everything up to that sequence has its verdict. */
  settledUpTo(seq: number): void {
    this.#order?.settledUpTo(seq)
    this.#beginAll()
  }

  /** Deliveries that were settled, in whichever way. */
  get settled(): number {
    return this.#settled
  }

  /** When the broker stored the message that came last; its metadata is read only when somebody asks. */
  get lastStoredMs(): number | undefined {
    return this.#last?.storedAt.getTime()
  }

  /** The broker was seen to have taken this consumer's acks. */
  acksTaken(): void {
    this.#settler.acksTaken()
  }

  /** Whether messages that failed here wait for their next delivery. */
  get retriesWait(): boolean {
    return this.#waits.size > 0
  }

  /** Messages that waited for their next delivery and have left the stream, which begins at `firstSeq`; told once. */
  takeLeftRetries(firstSeq: number): ReturnType<RetryWaits['takeLeft']> {
    return this.#waits.takeLeft(firstSeq, performance.now())
  }

  /** Why messages cannot be settled at the moment. */
  get trouble(): string | undefined {
    if (this.#trouble !== undefined) return `dead letters cannot be stored: ${this.#trouble}`
    return this.#settler.trouble ?? this.#turns.trouble
  }

  /**
   * Takes one delivery, received at `now` of `performance.now()`. Never throws: what calls it is the client's reader,
   * which an exception would end.
   *
   * @param isFirst whether it is known to be its message's first delivery, which spares the questions that only a later
   *   one raises.
   */
  process(message: Msg, now: number, isFirst = false): void {
    try {
      const envelope = this.#of.handling.open(message, this.#scope)
      if (!isFirst) {
        this.#waits.arrived(envelope.streamSeq)
        if (this.#adopt(envelope)) return
        envelope.reruns = this.#parked.runsOf(envelope.streamSeq)
      }
      if (this.#order && !this.#hasTurn(this.#order, envelope)) this.#hold(this.#order, envelope, now)
      else this.#begin(envelope, now, isFirst)
    } catch (error) {
      // Nothing was settled, so the broker redelivers it.
      this.#of.connection.logger.error(
        { event: 'deliveryNotTaken', consumer: this.#of.consumer, error: errorText(error) },
        'delivery cannot be taken; it will be redelivered',
      )
    }
  }

  /** A delivery that is not to be handled: its message is redelivered, and this one does not count as failed. */
  passOver(message: Msg): void {
    this.unrun.add(this.#of.handling.open(message, this.#scope).streamSeq)
  }

  /** From now on deliveries wait before their handler, kept alive; for handlers that run, time stands still. */
  hold(): void {
    this.#turns.hold()
    this.#keeper.pause()
  }

  /** What waits is handled, and what comes from now on. */
  release(): void {
    if (!this.#turns.isHeld) return
    this.#keeper.resume()
    this.#turns.release()
  }

  /**
   * Waits for what is running. Past `timeoutMs` it tells the handlers to stop and returns what it leaves behind; the
   * broker redelivers that.
   */
  async stop(timeoutMs: number): Promise<readonly AbandonedMessage[]> {
    this.#stopSignal.abort()
    for (const lease of this.#turns.takeAll()) this.#settle(lease, { kind: 'not_run', delayMs: 0 })
    clearInterval(this.#orderSweep)
    const parked = this.#parked.takeAll()
    if (this.#order) parked.sort((a, b) => a.envelope.streamSeq - b.envelope.streamSeq)
    for (const { envelope, leftMs } of parked) {
      // In the order of a key the next process has to have all of them at once.
      const delayMs = this.#order ? 0 : leftMs
      this.#settle(this.#leases.add(envelope, performance.now()), { kind: 'not_run', delayMs })
    }
    if (this.#leases.size > 0) {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)))
      await Promise.race([new Promise<void>((resolve) => this.#idle.push(resolve)), late])
      clearTimeout(timer)
    }
    this.#keeper.stop()
    this.#settler.close()
    const abandoned: AbandonedMessage[] = []
    this.#leases.forEach((envelope) => {
      envelope.abort(new Error('shutdown ran out of time'))
      const { stream, seq, channel, deliveryCount } = envelope
      abandoned.push({ stream, seq, channel, deliveryCount })
    })
    return abandoned
  }

  #begin(envelope: Envelope, now: number, isFirst: boolean): void {
    const lease = this.#take(envelope, now)
    if (!isFirst && this.#isSuspect(envelope)) this.#turns.takeSuspect(lease)
    else this.#turns.take(lease, now)
  }

  /** One that has no key is no message of the channel, and in nobody's way. */
  #hasTurn(order: KeyOrder, { data, streamSeq }: Envelope): boolean {
    const key = this.#of.handling.keyOf?.(data)
    return key === undefined || order.take(streamSeq, key)
  }

  /** Until its turn it waits here, kept alive, and takes nothing of what may run; without room it goes back. */
  #hold(order: KeyOrder, envelope: Envelope, now: number): void {
    const isRoom = !order.isEarly(envelope.streamSeq) || this.#parked.heldCount < MAX_EARLY
    const again = (): Envelope => this.#of.handling.open(envelope.copy(), this.#scope)
    if (!this.#stopSignal.signal.aborted && isRoom && this.#parked.hold(envelope, again)) {
      this.#last = envelope
      this.#of.onDone()
    } else this.#settle(this.#leases.add(envelope, now), { kind: 'not_run', delayMs: this.#of.limits.ackWaitMs / 2 })
    if (order.isSettling) this.#beginAll()
  }

  #beginAll(): void {
    for (const seq of this.#order?.due(performance.now()) ?? []) this.#beginNext(seq)
  }

  /** In a turn of its own: a handler that ends at once would begin the next one within its own end. */
  #beginNext(seq: number): void {
    queueMicrotask(() => {
      // One that went back begins when it is redelivered.
      const envelope = this.#parked.release(seq)
      if (envelope === undefined) return
      const now = performance.now()
      if (this.#stopSignal.signal.aborted)
        this.#settle(this.#leases.add(envelope, now), { kind: 'not_run', delayMs: 0 })
      else this.#begin(envelope, now, false)
    })
  }

  #take(envelope: Envelope, now: number): Lease {
    this.#last = envelope
    return this.#leases.add(envelope, now)
  }

  /** A message that this process has already keeps its handler; the later delivery is the one that is settled. */
  #adopt(envelope: Envelope): boolean {
    const { key } = envelope
    const held = this.#leases.find(key)?.envelope ?? this.#parked.find(key)
    if (held === undefined) return false
    // A consumer that was made anew counts from the first again.
    if (envelope.brokerDeliveries > held.brokerDeliveries) this.unrun.add(envelope.streamSeq)
    held.redelivered(envelope)
    return true
  }

  #isSuspect({ brokerDeliveries, streamSeq }: Envelope): boolean {
    return brokerDeliveries - 1 - this.unrun.of(streamSeq) >= this.#of.handling.maxUnsettled
  }

  #onDue(envelope: Envelope): void {
    const now = performance.now()
    this.#turns.take(this.#take(envelope, now), now)
  }

  #handle(lease: Lease, now: number): void {
    const envelope = lease.envelope as Envelope
    this.#keeper.began(lease, now)
    if (this.#spans === undefined) this.#run(lease, envelope)
    else this.#runTraced(this.#spans, lease, envelope)
  }

  /** On its own: a function that closes over its arguments has them on the heap, called or not. */
  #runTraced(spans: DeliverySpans, lease: Lease, envelope: Envelope): void {
    spans.run(envelope, () => this.#run(lease, envelope))
  }

  #run(lease: Lease, envelope: Envelope): void {
    let promise: Promise<unknown>
    try {
      const decoded = this.#of.handling.decode(envelope.data)
      if (decoded instanceof InvalidMessage) return this.#ended(lease, { kind: 'invalid', issues: decoded.issues })
      const result: unknown = this.#of.handling.handle(decoded as never, envelope)
      if (result === undefined) return this.#ended(lease, RETURNED)
      promise = nativePromise(result)
    } catch (error) {
      return this.#ended(lease, { kind: 'failed', error })
    }
    promise.then(lease.onDone, lease.onFailed)
  }

  #ended(lease: Lease, outcome: Outcome): void {
    this.#leases.ended(lease)
    this.#settle(lease, outcome)
  }

  #settle(lease: Lease, outcome: Outcome): void {
    const { envelope } = lease
    if (envelope === undefined) return
    const verdict = outcome.kind === 'handled' ? HANDLED : this.#decide(envelope, outcome)
    this.#spans?.ended(envelope, outcome, verdict)
    if (verdict.kind === 'dead_letter')
      return void this.#keep(lease, envelope, verdict).catch((error: unknown) => this.#onBug(lease, error))
    if (verdict.kind === 'retry') this.#sayRetry(envelope, verdict, outcome)
    if (isUnrun(outcome)) {
      if (verdict.kind === 'retry' && this.#park(envelope, verdict.delayMs)) return this.#freed(lease)
      this.unrun.add(envelope.streamSeq)
    } else if (this.#order && verdict.kind === 'retry' && this.#park(envelope, verdict.delayMs)) {
      // With the broker its redelivery might come after messages that are to wait for it.
      this.#order.failed(envelope.streamSeq)
      return this.#freed(lease)
    }
    this.#finish(lease, verdict)
  }

  /** A wait that the handler asked for is spent here, where it uses up no delivery. */
  #park(envelope: Envelope, delayMs: number): boolean {
    if (this.#of.settlesAll === true || this.#stopSignal.signal.aborted) return false
    return this.#parked.park(envelope, delayMs, () => this.#of.handling.open(envelope.copy(), this.#scope))
  }

  #decide(envelope: Envelope, outcome: Outcome): Verdict {
    const { deliveryCount, brokerDeliveries, streamSeq } = envelope
    const failedHere = this.#order?.failuresOf(streamSeq) ?? 0
    const failures = Math.max(1, brokerDeliveries - this.unrun.of(streamSeq)) + failedHere
    const leavesInMs = this.#of.leavesInMs?.(envelope) ?? envelope.leavesInMs(this.#of.handling.maxAgeMs, Date.now())
    const facts = { deliveryCount, failures, leavesInMs }
    try {
      return decide(facts, outcome, this.#policy)
    } catch (error) {
      // What was thrown cannot even be looked at.
      return decide(facts, { kind: 'failed', error: new Error(errorText(error)) }, this.#policy)
    }
  }

  /** Until the letter is stored the message stays with this process, kept alive, and counts in the bound. */
  async #keep(lease: Lease, envelope: Envelope, verdict: Extract<Verdict, { kind: 'dead_letter' }>): Promise<void> {
    const { channel, subject, stream, seq, letterNanos, consumer, deliveryCount, redriven } = envelope
    const { reason, error, issues } = verdict
    const original = { data: envelope.data, headerBytes: envelope.headerBytes }
    const of = { channel, subject, stream, seq, letterNanos, consumer, deliveryCount, redriven, original }
    const isKept = await keepDeadLetter(
      this.#of.connection,
      this.#of.deadLetters,
      { reason, error, issues, ...of },
      {
        signal: this.#stopSignal.signal,
        onTrouble: (why) => (this.#trouble = why),
      },
    )
    if (isKept) this.#finish(lease, verdict)
  }

  #finish(lease: Lease, verdict: Verdict): void {
    const { envelope } = lease
    if (envelope === undefined) return
    this.#settler.settle(envelope.reply, verdict)
    if (verdict.kind === 'retry' || verdict.kind === 'give_back') {
      this.#waits.add(envelope.streamSeq, performance.now() + verdict.delayMs)
    }
    const isEnd = verdict.kind === 'ack' || verdict.kind === 'dead_letter'
    if (isEnd && this.unrun.size > 0) this.unrun.forget(envelope.streamSeq)
    if (isEnd && envelope.reruns > 0) this.#parked.ended(envelope.streamSeq)
    this.#freed(lease)
    if (this.#order) this.#endTurn(this.#order, envelope.streamSeq, verdict)
  }

  #endTurn(order: KeyOrder, seq: number, verdict: Verdict): void {
    if (verdict.kind === 'ack' || verdict.kind === 'dead_letter') {
      const next = order.ended(seq)
      if (next !== undefined) this.#beginNext(next)
    } else order.wentBack(seq, performance.now() + verdict.delayMs + 3 * this.#of.limits.ackWaitMs)
  }

  /** Its message has a verdict, or waits for its next run. */
  #freed(lease: Lease): void {
    const envelope = this.#leases.remove(lease)
    if (envelope === undefined) return
    this.#settled++
    this.#turns.freed(lease, envelope)
    if (this.#leases.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
    this.#of.onDone()
  }

  /** What nothing here foresaw must neither hold a message for ever nor end the process. */
  #onBug(lease: Lease, error: unknown): void {
    const detail = { event: 'deliveryFailed', consumer: this.#of.consumer, error: errorText(error) }
    this.#of.connection.logger.error(detail, 'delivery cannot be settled; its message will be redelivered')
    this.#finish(lease, { kind: 'give_back', delayMs: LATER_MS })
  }

  #sayRetry(envelope: Envelope, { delayMs, error }: Extract<Verdict, { kind: 'retry' }>, outcome: Outcome): void {
    const { channel, consumer, stream, seq, deliveryCount: deliveries } = envelope
    const detail = { channel, consumer, stream, seq, deliveries, delayMs, error }
    const { logger, events } = this.#of.connection
    const requestId = envelope.header(HeaderName.RequestId)
    const err = outcome.kind === 'failed' ? outcome.error : undefined
    logger.warn(
      { event: 'retryScheduled', ...detail, requestId, maxDeliver: this.#policy.maxDeliver, err },
      'handler failed; the message will be redelivered',
    )
    events.emit('retryScheduled', detail)
  }

  /** Its message has had its verdict, so this end changes nothing. */
  #late({ channel, consumer, stream, seq }: Envelope, error: unknown): void {
    const ended = error === undefined ? {} : { error: errorText(error) }
    this.#of.connection.logger.warn(
      { event: 'handlerEndedLate', channel, consumer, stream, seq, ...ended },
      'a handler that had lost its message ended; its result is ignored',
    )
  }

  /** The handler hangs: its message goes on without it. */
  #takeBack(lease: Lease, ranMs: number): void {
    const { envelope } = lease
    const own = this.#leases.retire(lease)
    try {
      envelope?.takeBack()
    } catch (error) {
      const detail = { event: 'takenBackFailed', consumer: this.#of.consumer, error: errorText(error) }
      this.#of.connection.logger.error(detail, 'a listener of a message that was taken back threw')
    }
    this.#turns.replaced(lease, own)
    this.#settle(own, { kind: 'hung', ranMs })
  }
}

const RETURNED: Outcome = { kind: 'handled' }
const HANDLED: Verdict = { kind: 'ack' }
