import type { ConsumerInfo, JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import type { HealthCheck } from '../health.ts'
import type { ConsumerSpec } from '../consumers/consumer-spec.ts'
import type { NotedConsumer } from '../consumers/note-record.ts'
import { HEARTBEAT_GRACE_MS } from '../sources/heartbeat.ts'
import type { SubscriberSettings } from '../consumers/options.ts'
import type { SourceEnd } from '../sources/source.ts'
import { WatchdogCondition } from '../condition.ts'
import { Conditions } from './conditions.ts'
import type { LookReason } from './doubts.ts'
import { GapWatch } from './gap-watch.ts'
import { HarmlessLooks } from './harmless-looks.ts'

import type { PositionNote } from './position-note.ts'

/** What the consumer's processor knows without being asked. */
export interface Work {
  /** Deliveries that this process settled. */
  readonly settled: number
  /** Deliveries that are with a handler of this process, or wait for one. */
  readonly running: number
  /** When the broker stored the message that was delivered last, in milliseconds of the Unix epoch. */
  readonly lastStoredMs: number | undefined
  /** Told when the broker is seen to take acks. */
  acksTaken(): void
  /** Whether messages that failed here wait for their next delivery. */
  readonly retriesWait: boolean
  /** Failed messages that waited for their next delivery, and left the stream, which begins at `firstSeq`; told once. */
  takeLeftRetries(firstSeq: number): { readonly certain: readonly number[]; readonly possible: readonly number[] }
}

/** A stream of which this share passed between two looks is one to look at soon: it may drop what no consumer saw. */
const BUSY_SHARE = 4

/** Watches one consumer with what its runner finds out anyway. */
export class ConsumerWatch {
  readonly #connection: Connection
  readonly #settings: SubscriberSettings
  readonly #spec: ConsumerSpec
  readonly #work: Work
  readonly #conditions: Conditions
  /** Only a declared stream's messages can be missed: its companions give up nothing that was not read. */
  readonly #gaps: GapWatch | undefined
  readonly #harmless: HarmlessLooks
  #runningSince = 0
  /** When something was settled last, and by which numbers that was seen. */
  #progress = { at: 0, settled: 0, settledByAll: 0 }
  /** What the last look found. */
  #last: ConsumerInfo | undefined
  #lastSeq = 0

  constructor(connection: Connection, settings: SubscriberSettings, spec: ConsumerSpec, work: Work) {
    this.#connection = connection
    this.#settings = settings
    this.#spec = spec
    this.#work = work
    const { stream, name: consumer, channel, filterSubject } = spec
    this.#conditions = new Conditions(connection, { stream, consumer })
    this.#harmless = new HarmlessLooks(connection, consumer)
    const declared = settings.contracts.streams.some(({ name }) => name === stream)
    const { noteEveryMs, idleLookMs } = settings.watchdog
    // An ephemeral consumer sees what is published while it runs, and leaves nothing behind to compare with.
    if (declared && settings.lifetime === 'durable') {
      this.#gaps = new GapWatch(connection, {
        stream,
        consumer,
        channel,
        filterSubject,
        noteEveryMs,
        sharedLookMs: idleLookMs / 2,
      })
    }
  }

  checks(): readonly HealthCheck[] {
    return this.#conditions.checks()
  }

  /** For the consumer's own check: `''` as long as nothing was missed. */
  get note(): string {
    const missed = this.#gaps?.missed ?? 0
    return missed === 0 ? '' : `; ${missed} messages or more left the stream unseen`
  }

  /** How far the consumer had come by the last look. */
  get position(): PositionNote | undefined {
    return this.#gaps?.note
  }

  /** Whether it would be lost on this consumer what leaves its stream. */
  get countsGaps(): boolean {
    return this.#gaps !== undefined
  }

  /** Whether the consumer delivers what it should, as far as the last look showed. */
  get isFit(): boolean {
    return !this.#conditions.has(WatchdogCondition.ConsumerUnfit)
  }

  /** Of what is found out beside the looks. */
  set(condition: WatchdogCondition, on: boolean, detail: string): void {
    this.#conditions.set(condition, on, detail)
  }

  /** Before the first delivery of every run. */
  async onStart(manager: JetStreamManager, info: NotedConsumer): Promise<void> {
    await this.#harmless.try(async () => this.#gaps?.look(manager, info, 'start', this.#work.retriesWait))
    this.#runningSince = performance.now()
    this.#progress = { at: performance.now(), settled: this.#work.settled, settledByAll: settledByAll(info) }
    this.#conditions.set(WatchdogCondition.ConsumerDeleted, false, 'the consumer is there again')
    this.#last = info
    this.#tell(info)
  }

  onEnd(end: SourceEnd): void {
    if (end.kind === 'gone') this.#conditions.set(WatchdogCondition.ConsumerDeleted, true, end.detail)
    if (end.kind === 'silent') this.#conditions.set(WatchdogCondition.MissedHeartbeats, true, end.detail)
  }

  /** The consumer was made to begin again at a sequence. */
  onReset(sequence: number, info: NotedConsumer): void {
    this.#gaps?.onReset(sequence, info)
  }

  /** @returns whether there is something to see. */
  async onLook(manager: JetStreamManager, info: NotedConsumer, reason: LookReason): Promise<boolean> {
    const now = performance.now()
    // Silence is noticed within three heartbeats, so a source that has run for longer hears them.
    const heard = now - this.#runningSince > 3 * this.#settings.idleHeartbeatMs + HEARTBEAT_GRACE_MS
    if (heard) this.#conditions.set(WatchdogCondition.MissedHeartbeats, false, 'heartbeats have resumed')
    const moved = this.#moved(info, now)
    const before = this.#last?.ack_floor.consumer_seq ?? Number.POSITIVE_INFINITY
    if (info.num_ack_pending === 0 || info.ack_floor.consumer_seq > before) this.#work.acksTaken()
    this.#lookAtStall(info, now)
    this.#lookAtPause(info)
    this.#lookAtCap(info, moved)
    this.#lookAtLag(info)
    this.#tell(info)
    const stream = await this.#harmless.try(async () => this.#gaps?.look(manager, info, reason, this.#work.retriesWait))
    if (stream) this.#lookAtRetries(stream)
    const busy = this.#conditions.any || this.#isBusy(info) || this.#passes(stream)
    this.#last = info
    return busy
  }

  /** Leaves behind what the next start compares with. */
  async onStop(manager: JetStreamManager, info: NotedConsumer, reason: LookReason): Promise<void> {
    await this.#harmless.try(async () => {
      await this.#gaps?.look(manager, info, reason, this.#work.retriesWait)
      await this.#gaps?.leaveNote(info)
    })
  }

  #tell({ num_pending: pendingMessages, num_ack_pending: ackPending }: ConsumerInfo): void {
    const { stream, name: consumer, channel } = this.#spec
    const detail = { stream, consumer, channel, pendingMessages, ackPending, ...this.#oldestUnread(pendingMessages) }
    this.#connection.events.emit('consumerMeasured', detail)
  }

  /** What was delivered last is older than all that waits. */
  #oldestUnread(pendingMessages: number): { readonly oldestUnreadMsAtMost?: number } {
    if (pendingMessages === 0) return { oldestUnreadMsAtMost: 0 }
    const { lastStoredMs } = this.#work
    return lastStoredMs === undefined ? {} : { oldestUnreadMsAtMost: Math.max(0, Date.now() - lastStoredMs) }
  }

  /** A message that waits for its next delivery was seen, so it is in no gap; dropped meanwhile, it is missed all the same. */
  #lookAtRetries({ state }: StreamInfo): void {
    const { certain, possible } = this.#work.takeLeftRetries(state.first_seq)
    const sequences = [...certain, ...possible]
    if (sequences.length === 0) return
    const { stream, name: consumer, channel } = this.#spec
    const [from, to] = [Math.min(...sequences), Math.max(...sequences)]
    const detail = { stream, consumer, channel, from, to, atMost: sequences.length }
    if (certain.length === 0) {
      const sentence = 'failed messages left the stream; another instance may have had their next delivery before'
      this.#connection.logger.warn({ event: 'messagesMayBeMissed', ...detail }, sentence)
      this.#connection.events.emit('messagesMayBeMissed', detail)
      return
    }
    const missed = { ...detail, atLeast: certain.length }
    const sentence = 'failed messages left the stream before their next delivery'
    this.#connection.logger.error({ event: 'messagesMissed', ...missed }, sentence)
    this.#connection.events.emit('messagesMissed', missed)
  }

  #isBusy({ num_pending, num_ack_pending, delivered }: ConsumerInfo): boolean {
    return num_pending > 0 || num_ack_pending > 0 || delivered.consumer_seq !== this.#last?.delivered.consumer_seq
  }

  #passes(stream: StreamInfo | undefined): boolean {
    if (!stream) return false
    const passed = stream.state.last_seq - this.#lastSeq
    const isFirst = this.#lastSeq === 0
    this.#lastSeq = stream.state.last_seq
    return !isFirst && passed > 0 && passed * BUSY_SHARE > stream.state.messages
  }

  /** Whether anything was settled since the last look, by any instance, or nothing waits for it. */
  #moved(info: ConsumerInfo, now: number): boolean {
    const { settled } = this.#work
    const byAll = settledByAll(info)
    const moved = settled !== this.#progress.settled || byAll !== this.#progress.settledByAll
    if (moved || info.num_pending === 0 || info.paused === true)
      this.#progress = { at: now, settled, settledByAll: byAll }
    return moved
  }

  #lookAtStall({ num_pending: waiting, num_ack_pending: open }: ConsumerInfo, now: number): void {
    const { maxHandlerMs, ackWaitMs, watchdog } = this.#settings
    const stalledMs = Math.round(now - this.#progress.at)
    // A handler, of whichever instance, may take its time, and its delivery is open meanwhile.
    const limitMs = open > 0 ? Math.max(watchdog.stalledAfterMs, maxHandlerMs + ackWaitMs) : watchdog.stalledAfterMs
    const detail = `${waiting} messages wait and none was settled for ${stalledMs} ms`
    this.#conditions.set(WatchdogCondition.Stalled, waiting > 0 && stalledMs >= limitMs, detail)
  }

  #lookAtPause({ paused, pause_remaining: nanos, num_pending: waiting }: ConsumerInfo): void {
    const forMs = Math.round((nanos ?? 0) / 1_000_000)
    const detail = paused
      ? `the consumer is paused on the broker for ${forMs} ms more; ${waiting} messages wait`
      : 'the consumer is not paused on the broker any more'
    this.#conditions.set(WatchdogCondition.PausedOnBroker, paused === true, detail)
  }

  #lookAtCap(info: ConsumerInfo, moved: boolean): void {
    const { num_ack_pending: open, num_pending: waiting, config, delivered } = info
    const cap = config.max_ack_pending ?? 0
    const isAtCap = cap > 0 && open >= cap
    // A push consumer's cap is the app's own bound: to be at it is to be busy, as long as something gets done.
    const busy = this.#settings.mode === 'push' && moved
    const detail = `${open} deliveries are without an ack, ${cap} may be`
    this.#conditions.set(WatchdogCondition.AckPendingAtCap, isAtCap && !busy, detail)
    const isStuck =
      isAtCap && waiting > 0 && info.paused !== true && delivered.stream_seq === this.#last?.delivered.stream_seq
    // What runs is not what blocks: all else is sent back and waits for its next delivery. With push the cap is what may
    // run, so it blocks only while none of it does; one that comes back and fails again ends nothing.
    const was = this.#conditions.has(WatchdogCondition.DeliveryBlocked)
    const isPush = this.#settings.mode === 'push'
    const remedy = `raise ${isPush ? 'concurrency' : 'maxAckPending'} or shorten the retries`
    this.#conditions.set(
      WatchdogCondition.DeliveryBlocked,
      isStuck && (!isPush || was || this.#work.running === 0),
      `${detail}: ${waiting} messages wait until some of them are settled; ${remedy}`,
    )
  }

  #lookAtLag(info: ConsumerInfo): void {
    const { num_pending: pending } = info
    const limit = this.#settings.watchdog.lagMessages
    const shrinks = pending < (this.#last?.num_pending ?? 0)
    const was = this.#conditions.has(WatchdogCondition.SlowConsumer)
    // Half of the limit ends it, so that a lag about the limit is not said again and again.
    const on = was ? pending >= limit / 2 : pending >= limit && !shrinks
    if (!this.#conditions.set(WatchdogCondition.SlowConsumer, on, `${pending} messages wait`) || !on) return
    const detail = {
      subject: this.#spec.filterSubject,
      stream: this.#spec.stream,
      consumer: this.#spec.name,
      pendingMessages: pending,
      pendingMessagesLimit: limit,
      dropped: 0,
      ackPending: info.num_ack_pending,
      ...(info.config.max_ack_pending === undefined ? {} : { ackPendingLimit: info.config.max_ack_pending }),
      ...this.#oldestUnread(pending),
    }
    this.#connection.logger.warn(
      { event: 'slowConsumerDetected', ...detail },
      'consumer is slower than its messages arrive',
    )
    this.#connection.events.emit('slowConsumerDetected', detail)
  }
}

/** Deliveries that are no longer open, counted by the broker over all instances. */
function settledByAll({ delivered, num_ack_pending: open }: ConsumerInfo): number {
  return delivered.consumer_seq - open
}
