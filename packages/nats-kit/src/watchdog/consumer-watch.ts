import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import type { HealthCheck } from '../health.ts'
import type { ConsumerSpec } from '../consumers/consumer-spec.ts'
import { HEARTBEAT_GRACE_MS } from '../sources/heartbeat.ts'
import type { SubscriberSettings } from '../consumers/options.ts'
import type { SourceEnd } from '../sources/source.ts'
import { WatchdogCondition } from '../condition.ts'
import { Conditions } from './conditions.ts'
import { GapWatch, withoutHarm } from './gap-watch.ts'

/** What the consumer's processor knows without being asked. */
export interface Work {
  /** Deliveries that this process settled. */
  readonly settled: number
  /** When the broker stored the message that was delivered last, in milliseconds of the Unix epoch. */
  readonly lastStoredMs: number | undefined
}

/** Watches one consumer with what its runner finds out anyway. */
export class ConsumerWatch {
  readonly #connection: Connection
  readonly #settings: SubscriberSettings
  readonly #spec: ConsumerSpec
  readonly #work: Work
  readonly #conditions: Conditions
  /** Only a declared stream's messages can be missed: its companions give up nothing that was not read. */
  readonly #gaps: GapWatch | undefined
  #runningSince = 0
  /** When something was settled last, and by which numbers that was seen. */
  #progress = { at: 0, settled: 0, settledByAll: 0 }
  #lastPending = 0

  constructor(connection: Connection, settings: SubscriberSettings, spec: ConsumerSpec, work: Work) {
    this.#connection = connection
    this.#settings = settings
    this.#spec = spec
    this.#work = work
    const { stream, name: consumer, channel, filterSubject } = spec
    this.#conditions = new Conditions(connection, { stream, consumer })
    const declared = settings.contracts.streams.some(({ name }) => name === stream)
    const { noteEveryMs } = settings.watchdog
    // An ephemeral consumer sees what is published while it runs, and leaves nothing behind to compare with.
    if (declared && settings.lifetime === 'durable') {
      this.#gaps = new GapWatch(connection, {
        app: settings.app,
        stream,
        consumer,
        channel,
        filterSubject,
        noteEveryMs,
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

  /** Before the first delivery of every run. */
  async onStart(manager: JetStreamManager, info: ConsumerInfo): Promise<void> {
    await withoutHarm(this.#connection, this.#spec.name, async () => this.#gaps?.onStart(manager, info))
    this.#runningSince = performance.now()
    this.#progress = { at: performance.now(), settled: this.#work.settled, settledByAll: settledByAll(info) }
    this.#conditions.set(WatchdogCondition.ConsumerDeleted, false, 'the consumer is there again')
    this.#tell(info)
  }

  onEnd(end: SourceEnd): void {
    if (end.kind === 'gone') this.#conditions.set(WatchdogCondition.ConsumerDeleted, true, end.detail)
    if (end.kind === 'silent') this.#conditions.set(WatchdogCondition.MissedHeartbeats, true, end.detail)
  }

  async onLook(manager: JetStreamManager, info: ConsumerInfo): Promise<void> {
    const now = performance.now()
    // Silence is noticed within three heartbeats, so a source that has run for longer hears them.
    const heard = now - this.#runningSince > 3 * this.#settings.idleHeartbeatMs + HEARTBEAT_GRACE_MS
    if (heard) this.#conditions.set(WatchdogCondition.MissedHeartbeats, false, 'heartbeats come again')
    const moved = this.#moved(info, now)
    const stalledMs = Math.round(now - this.#progress.at)
    this.#conditions.set(
      WatchdogCondition.Stalled,
      stalledMs >= this.#settings.watchdog.stalledAfterMs,
      `${info.num_pending} messages wait and none was settled for ${stalledMs} ms`,
    )
    this.#lookAtCap(info, moved)
    this.#lookAtLag(info)
    this.#tell(info)
    await withoutHarm(this.#connection, this.#spec.name, async () => this.#gaps?.onLook(manager, info))
  }

  #tell({ num_pending: pendingMessages, num_ack_pending: ackPending }: ConsumerInfo): void {
    const { stream, name: consumer, channel } = this.#spec
    this.#connection.events.emit('consumerLooked', { stream, consumer, channel, pendingMessages, ackPending })
  }

  /** Leaves behind what the next start compares with. */
  async onStop(manager: () => Promise<JetStreamManager>): Promise<void> {
    if (!this.#gaps || this.#connection.state !== 'connected') return
    const { stream, name } = this.#spec
    await withoutHarm(this.#connection, name, async () => {
      const jsm = await manager()
      await this.#gaps?.onLook(jsm, await jsm.consumers.info(stream, name))
      await this.#gaps?.note(jsm, await jsm.consumers.info(stream, name))
    })
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

  #lookAtCap({ num_ack_pending: pending, config }: ConsumerInfo, moved: boolean): void {
    const cap = config.max_ack_pending ?? 0
    // A push consumer's cap is the app's own bound: to be at it is to be busy, as long as something gets done.
    const busy = this.#settings.mode === 'push' && moved
    const detail = `${pending} deliveries are without an ack, ${cap} may be`
    this.#conditions.set(WatchdogCondition.AckPendingAtCap, cap > 0 && pending >= cap && !busy, detail)
  }

  #lookAtLag(info: ConsumerInfo): void {
    const { num_pending: pending } = info
    const limit = this.#settings.watchdog.lagMessages
    const shrinks = pending < this.#lastPending
    this.#lastPending = pending
    const was = this.#conditions.has(WatchdogCondition.SlowConsumer)
    // Half of the limit ends it, so that a lag about the limit is not said again and again.
    const on = was ? pending >= limit / 2 : pending >= limit && !shrinks
    if (!this.#conditions.set(WatchdogCondition.SlowConsumer, on, `${pending} messages wait`) || !on) return
    const { lastStoredMs } = this.#work
    const detail = {
      subject: this.#spec.filterSubject,
      stream: this.#spec.stream,
      consumer: this.#spec.name,
      pendingMessages: pending,
      pendingMessagesLimit: limit,
      dropped: 0,
      ackPending: info.num_ack_pending,
      ...(info.config.max_ack_pending === undefined ? {} : { ackPendingLimit: info.config.max_ack_pending }),
      ...(lastStoredMs === undefined ? {} : { oldestUnreadMsAtMost: Math.max(0, Date.now() - lastStoredMs) }),
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
