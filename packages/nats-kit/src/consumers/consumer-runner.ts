import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import type { Msg } from '@nats-io/transport-node'
import { replyBytesOf } from '../codec/received.ts'
import { connectionChange } from '../connection/connection-change.ts'
import type { Connection } from '../connection/connection.ts'
import { errorText, KitError } from '../errors.ts'
import type { HealthCheck } from '../health.ts'
import type { StoredSender } from '../publish/stored-sender.ts'
import { ConsumerWatch } from '../watchdog/consumer-watch.ts'
import type { LookReason } from '../watchdog/doubts.ts'
import { loopClock } from '../watchdog/loop-clock.ts'
import { streamLooksOf } from '../watchdog/stream-looks.ts'
import { ConsumerLooks } from './consumer-looks.ts'
import { ConsumerNotes, unrunNote } from './consumer-notes.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import { type DeliverableTo, isDeliverable } from './is-deliverable.ts'
import { LookTimer } from './look-timer.ts'
import type { SubscriberSettings } from './options.ts'
import type { Pauses } from './pauses.ts'
import { RunnerState } from './runner-state.ts'
import { Standstill } from './standstill.ts'
import { AckNumbers, FIRST_OF_CONSUMER, FIRST_OF_MESSAGE } from '../handling/ack-subject.ts'
import { type AbandonedMessage, MessageProcessor } from '../handling/message-processor.ts'
import { PullSource } from '../sources/pull-source.ts'
import { PushSource } from '../sources/push-source.ts'
import type { DeliverySource, SourceEnd } from '../sources/source.ts'
import { StaleDeliveries } from '../handling/stale-deliveries.ts'

/** Wait before trying again after the first failure; doubled each time, up to the cap. */
const FIRST_BACKOFF_MS = 250
const MAX_BACKOFF_MS = 5_000
/** What the last look and its note take at least. */
const LAST_LOOK_MS = 50
/** How often it is looked whether deliveries of the process before have their verdict. */
const SETTLING_LOOK_MS = 250
/** How often a consumer is looked up that sends no heartbeats: nothing else tells that it is gone. */
const SILENT_LOOK_MS = 10_000

/**
 * Keeps one handler's consumer running for as long as the app does: makes it, listens, and starts again whatever ends
 * it. While it does not run, the check is not well and says why.
 */
export class ConsumerRunner {
  readonly name: string
  readonly #connection: Connection
  readonly #settings: SubscriberSettings
  readonly #spec: ConsumerSpec
  readonly #stream: string
  readonly #deliverableTo: DeliverableTo
  readonly #processor: MessageProcessor
  readonly #notes: ConsumerNotes
  readonly #watch: ConsumerWatch
  readonly #stale: StaleDeliveries
  readonly #looks: ConsumerLooks
  readonly #lookTimer: LookTimer
  readonly #pauses: Pauses
  readonly #stopSignal = new AbortController()
  #source: DeliverySource | undefined
  #consumerCreated: string | undefined
  /** Whether the consumer has delivered anything. */
  #hasDelivered = false
  readonly #state: RunnerState
  readonly #standstill = new Standstill({
    matters: () => this.#watch.countsGaps,
    hold: () => this.#processor.hold(),
    look: () => this.#looks.look(),
    release: () => {
      if (this.#pausedFor === undefined) this.#processor.release()
      this.#source?.askForMore()
    },
  })
  #loop: Promise<void> = Promise.resolve()
  #isStarted = false
  #stopping: Promise<readonly AbandonedMessage[]> | undefined
  /** Why it is paused; undefined while it is not. */
  #pausedFor: string | undefined

  constructor(
    connection: Connection,
    settings: SubscriberSettings,
    spec: ConsumerSpec,
    deadLetters: StoredSender,
    pauses: Pauses,
  ) {
    this.#connection = connection
    this.#settings = settings
    this.#spec = spec
    this.#stream = spec.stream
    this.name = spec.name
    this.#state = new RunnerState(connection, { stream: spec.stream, consumer: spec.name })
    this.#deliverableTo = { ...spec, filterBytes: Buffer.from(spec.filterSubject) }
    this.#notes = new ConsumerNotes(connection, spec.stream, spec.name)
    this.#processor = new MessageProcessor({
      connection,
      handling: spec,
      limits: settings,
      deadLetters,
      notes: this.#notes,
      stream: spec.stream,
      consumer: spec.name,
      onDone: () => this.#source?.askForMore(),
      leavesInMs: (envelope) => {
        // By the broker's stream and clock: this release's declaration and this machine's clock may be others.
        const look = streamLooksOf(connection).latest(spec.stream)
        if (!look) return envelope.leavesInMs(spec.maxAgeMs, Date.now())
        return envelope.leavesInMs(look.maxAgeMs, Date.now() - look.clockAheadMs)
      },
    })
    this.#stale = new StaleDeliveries(connection, spec.name, settings.ackWaitMs)
    this.#watch = new ConsumerWatch(connection, settings, spec, this.#processor)
    this.#looks = new ConsumerLooks(connection, settings, spec, this.#watch, {
      reason: () => this.#lookReason(),
      gone: (detail) => this.#source?.end({ kind: 'gone', detail }),
      began: (info) => {
        if (info.created !== this.#consumerCreated) this.#processor.unrun.clear()
        this.#consumerCreated = info.created
        this.#processor.unrun.take(unrunNote(info))
        this.#hasDelivered = info.delivered.consumer_seq > 0
        this.#processor.begins(info.delivered.stream_seq, info.num_ack_pending)
        if (this.#processor.isSettling) void this.#untilSettled()
      },
    })
    const { lookMs, idleLookMs } = settings.watchdog
    const isSilent = settings.mode === 'push' && settings.delivery === 'queue-group' && settings.lifetime === 'durable'
    this.#lookTimer = new LookTimer(lookMs, isSilent ? Math.min(idleLookMs, SILENT_LOOK_MS) : idleLookMs)
    this.#pauses = pauses
  }

  start(): void {
    const { signal } = this.#stopSignal
    if (this.#isStarted || signal.aborted) return
    this.#isStarted = true
    for (const end of [this.#pauses.onChange(this.#onPauses), loopClock.use()]) signal.addEventListener('abort', end)
    this.#onPauses()
    this.#loop = this.#run()
    void this.#lookAfter(signal)
  }

  checks(): readonly HealthCheck[] {
    return [this.#check(), ...this.#watch.checks()]
  }

  #check(): HealthCheck {
    const trouble = this.#processor.trouble
    const ok = this.#state.isRunning && this.#connection.state === 'connected' && trouble === undefined
    return {
      name: `consumer:${this.name}`,
      ok,
      detail: ok ? `running${this.#watch.note}` : this.#state.describe(trouble),
    }
  }

  /** Takes no new work, waits for what is running, and returns what it had to leave behind. The second call joins the first. */
  stop(timeoutMs: number): Promise<readonly AbandonedMessage[]> {
    this.#stopping ??= this.#stop(timeoutMs)
    return this.#stopping
  }

  async #stop(timeoutMs: number): Promise<readonly AbandonedMessage[]> {
    const startedAt = performance.now()
    this.#stopSignal.abort()
    const stopped = this.#source?.stop()
    const late = sleep(timeoutMs, undefined, { ref: false })
    await Promise.race([stopped, late])
    this.#source?.end({ kind: 'stopped', detail: 'asked to stop' })
    await Promise.race([this.#loop, late])
    this.#stale.stop()
    const abandoned = await this.#processor.stop(Math.max(0, timeoutMs - (performance.now() - startedAt)))
    await Promise.race([this.#noteUnrun(), late])
    if (this.#settings.lifetime === 'ephemeral') await this.#looks.remove()
    // Without the time for some requests, the position that was noted last is what the next start compares with.
    else if (timeoutMs - (performance.now() - startedAt) > LAST_LOOK_MS) await Promise.race([this.#looks.end(), late])
    this.#state.become('stopped', 'asked to stop')
    return abandoned
  }

  /** The broker counts deliveries that never ran as well; without a note the next process would take them for failures. */
  async #noteUnrun(): Promise<void> {
    const unrun = this.#processor.unrun.all()
    if (unrun.size === 0 || this.#settings.lifetime === 'ephemeral' || this.#connection.state !== 'connected') return
    const say = (messages: number, error?: unknown): void => {
      const why = error === undefined ? {} : { error: errorText(error) }
      const detail = { event: 'unrunNotNoted', consumer: this.name, messages, ...why }
      this.#connection.logger.warn(detail, 'deliveries that never ran cannot be noted; they count as failed')
    }
    try {
      const left = await this.#notes.noteUnrun(unrun)
      if (left > 0) say(left)
    } catch (error) {
      say(unrun.size, error)
    }
  }

  async #run(): Promise<void> {
    const signal = this.#stopSignal.signal
    let failures = 0
    while (!signal.aborted && this.#connection.state !== 'closed') {
      if (this.#connection.state !== 'connected') {
        this.#state.become('recovering', 'the broker is away')
        await connectionChange(this.#connection, signal)
        continue
      }
      if (this.#pausedFor !== undefined) {
        this.#state.become('paused', this.#pausedFor)
        await this.#pauses.changed(signal)
        continue
      }
      try {
        const end = await this.#runOnce(signal, () => (failures = 0))
        // Stopped for good, or for as long as a pause takes: the loop tells.
        if (end.kind === 'stopped') continue
        this.#state.become('recovering', end.detail)
        if (end.kind === 'moved') continue
      } catch (error) {
        this.#state.become('recovering', KitError.from(error).message)
      }
      const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(failures++, 8))
      await sleep(backoffMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
    }
  }

  async #runOnce(signal: AbortSignal, onRunning: () => void): Promise<SourceEnd> {
    const config = await this.#looks.begin()
    if (signal.aborted || this.#pausedFor !== undefined) return { kind: 'stopped', detail: 'asked to stop' }
    const source = this.#makeSource(config.deliver_subject, config.deliver_group)
    this.#source = source
    const ended = source.run()
    this.#state.become('running', 'running')
    onRunning()
    const end = await ended
    this.#watch.onEnd(end)
    return end
  }

  /** What other instances still work on ends without coming here. */
  async #untilSettled(): Promise<void> {
    const { signal } = this.#stopSignal
    while (this.#processor.isSettling && !signal.aborted) {
      await sleep(SETTLING_LOOK_MS, undefined, { signal, ref: false }).catch(() => undefined)
      try {
        const manager = await jetstreamManager(this.#connection.client, { checkAPI: false })
        const { ack_floor } = await manager.consumers.info(this.#stream, this.name)
        this.#processor.settledUpTo(ack_floor.stream_seq)
      } catch {
        // Its time ends in any case.
      }
    }
  }

  /** Its consumer counts its deliveries from one again: something has reset it, or made it again. */
  #beginsAgain(firsts: number): boolean {
    const again = this.#hasDelivered && (firsts & FIRST_OF_CONSUMER) !== 0
    this.#hasDelivered = true
    return again
  }

  #makeSource(deliverSubject: string | undefined, deliverGroup: string | undefined): DeliverySource {
    const numbers = new AckNumbers(this.#stream, this.name)
    // To an inbox of its own a pull request is answered by its consumer alone.
    const isPush = deliverSubject !== undefined
    const context = {
      stream: this.#stream,
      consumer: this.name,
      concurrency: this.#settings.concurrency,
      idleHeartbeatMs: this.#settings.idleHeartbeatMs,
      onMessage: (message: Msg, now: number) => {
        loopClock.tell(now)
        this.#standstill.isHeld()
        this.#lookTimer.soon()
        const reply = replyBytesOf(message)
        const firsts = numbers.firstsOf(reply)
        if (isPush && !numbers.isOwn(reply)) return this.#state.sayForeign()
        // Before what it has settled by then hides from where it was moved.
        if (this.#beginsAgain(firsts)) this.#lookTimer.nowOrNext()
        if (this.#stale.isStale(now)) return this.#processor.passOver(message)
        if (isDeliverable(message, this.#deliverableTo, this.#watch.isFit))
          return this.#processor.process(message, now, (firsts & FIRST_OF_MESSAGE) !== 0)
        this.#processor.passOver(message)
        this.#lookTimer.now()
      },
      running: () => this.#processor.taken,
      isHeld: () => this.#standstill.isHeld(),
    }
    if (deliverSubject === undefined) return new PullSource(this.#connection, context)
    return new PushSource(this.#connection, { ...context, deliverSubject, deliverGroup })
  }

  /** Looks the consumer up now and then, in every state: a push consumer that is deleted says nothing. */
  async #lookAfter(signal: AbortSignal): Promise<void> {
    let busy = true
    while (!signal.aborted) {
      await this.#lookTimer.next(busy, signal)
      if (!signal.aborted) busy = await this.#looks.look()
    }
  }

  #lookReason(): LookReason {
    if (this.#standstill.takeLook()) return 'freeze'
    return this.#state.isRunning ? 'run' : 'pause'
  }

  /** Asks for nothing more during a pause; what is on its way is held, for the broker has counted it. */
  readonly #onPauses = (): void => {
    const reason = this.#pauses.reasonOf(this.#spec.channel)
    const was = this.#pausedFor
    this.#pausedFor = reason
    if (reason !== undefined) this.#state.become('paused', reason)
    if (reason !== undefined && was === undefined) {
      this.#processor.hold()
      void this.#source?.stop()
    } else if (reason === undefined && was !== undefined) {
      this.#state.become('starting', 'the pause has ended')
      if (!this.#standstill.isHeld()) this.#processor.release()
    }
  }
}
