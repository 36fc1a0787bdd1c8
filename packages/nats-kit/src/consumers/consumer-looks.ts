import {
  type ConsumerConfig,
  type ConsumerInfo,
  type JetStreamManager,
  jetstreamManager,
  type StreamInfo,
} from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { incarnationOf, isMigrating } from '../streams/incarnation.ts'
import type { ConsumerWatch } from '../watchdog/consumer-watch.ts'
import type { LookReason } from '../watchdog/doubts.ts'
import { noteText, type PositionNote } from '../watchdog/position-note.ts'
import { streamLooksOf } from '../watchdog/stream-looks.ts'
import { settledBeforeNote } from './consumer-beginning.ts'
import { toConsumerConfig } from './consumer-config.ts'
import { ConsumerCorrection } from './consumer-correction.ts'
import { ConsumerProgress } from './consumer-progress.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import { noted, type NotedConsumer, notedLately } from './note-record.ts'
import { consumerError, ensureConsumer, findConsumer, judgeRunning } from './ensure-consumer.ts'
import { GoingBack } from './going-back.ts'
import { InstanceMemory } from './instance-memory.ts'
import { sayBacklog, withinLimit } from './make-consumer.ts'
import type { SubscriberSettings } from './options.ts'
import { ShapeRight } from './shape-right.ts'

const REQUEST_TIMEOUT_MS = 5_000
const REMOVE_TIMEOUT_MS = 2_000

/** What the runner knows, and is told. */
export interface LookedAt {
  /** Why the consumer is looked at in the state that it is in. */
  reason(): LookReason
  /** The consumer, or its stream, is not there. */
  gone(detail: string): void
  /** The consumer as it is, before it delivers. */
  began(info: NotedConsumer): void
}

/**
 * Makes a consumer the declared one, at each start and for as long as the app runs, in every state in which there is a
 * connection: what another tool changes is put right or named, what it moved goes back, what left the stream unseen is
 * counted.
 */
export class ConsumerLooks {
  readonly #connection: Connection
  readonly #settings: SubscriberSettings
  readonly #spec: ConsumerSpec
  readonly #watch: ConsumerWatch
  readonly #progress: ConsumerProgress
  readonly #correction: ConsumerCorrection
  readonly #goingBack: GoingBack
  readonly #of: LookedAt
  readonly #right = new ShapeRight()
  /** One look or start at a time: each compares with what the one before has left. */
  #last: Promise<unknown> = Promise.resolve()
  #manager: Promise<JetStreamManager> | undefined
  #declared: Partial<ConsumerConfig> | undefined
  #incarnation = ''
  readonly #memory: InstanceMemory | undefined
  /** Whether the broker removes the consumer of an instance that is away. */
  readonly #expires: boolean
  #keptAt = Number.NEGATIVE_INFINITY
  #failure: string | undefined

  constructor(
    connection: Connection,
    settings: SubscriberSettings,
    spec: ConsumerSpec,
    watch: ConsumerWatch,
    of: LookedAt,
  ) {
    this.#connection = connection
    this.#settings = settings
    this.#spec = spec
    this.#watch = watch
    this.#of = of
    this.#progress = new ConsumerProgress(settings, spec)
    this.#correction = new ConsumerCorrection(connection, spec, watch)
    this.#goingBack = new GoingBack(connection, spec, watch, this.#progress)
    const isKept = settings.lifetime === 'durable' && !spec.workQueue
    this.#memory = isKept ? new InstanceMemory(connection, spec) : undefined
    this.#expires = isKept && settings.delivery === 'fan-out'
  }

  /**
   * Makes the consumer, or makes the one that is there the declared one, before it delivers.
   *
   * @returns its configuration.
   * @throws KitError as {@link ensureConsumer}, and `stream_migrating`.
   */
  async begin(): Promise<Partial<ConsumerConfig>> {
    return this.#alone(async (manager) => {
      const before = streamLooksOf(this.#connection).last(this.#spec.stream)
      const stream = await this.#stream(manager)
      if (isMigrating(stream)) {
        const why = `stream ${this.#spec.stream} is being migrated; its consumers are carried over`
        throw new KitError(KitErrorCode.StreamMigrating, why)
      }
      this.#incarnation = incarnationOf(stream)
      const { inboxPrefix, logger } = this.#connection
      const isNew = this.#progress.settledUpTo(this.#incarnation) === undefined
      const returned = isNew ? await this.#recall(manager, stream) : undefined
      const startAt = this.#progress.startFrom(stream)
      const isKnown = this.#progress.settledUpTo(this.#incarnation) !== undefined
      const declared = toConsumerConfig(this.#settings, this.#spec, inboxPrefix, startAt)
      // The new consumer counts its deliveries from zero.
      const carried = returned && noteText({ ...returned, position: { ...returned.position, deliveries: 0 } })
      const isAfter = isKnown && typeof startAt === 'object' && 'sequence' in startAt
      const onNew = { ...carried, ...(isAfter && settledBeforeNote(startAt.sequence)) }
      const onChange = (live: ConsumerInfo) => this.#goingBack.noteFilter(live, stream)
      const made = await withinLimit(this.#settings, declared, (wanted) =>
        ensureConsumer(manager, this.#spec.stream, wanted, logger, this.#right, onChange, onNew),
      )
      if (made.created) this.#goingBack.over()
      if (made.created && isNew) {
        const isBack = returned !== undefined
        sayBacklog(logger, this.#spec, made.info, { startAt, isBack, isRemembered: this.#expires })
      }
      this.#declared = made.config
      const fresh = () => this.#stream(manager)
      const live = await noted(this.#connection, await this.#skipped(manager, made.info))
      const info = made.created ? live : await this.#goingBack.corrected(manager, live, made.config, fresh)
      this.#progress.remember(info, this.#incarnation, before)
      this.#correction.onStart(made.config, info)
      this.#of.began(info)
      await this.#watch.onStart(manager, info)
      // What was kept of the one before must not be taken for this one's.
      if (made.created) await this.#keep(manager).catch(() => undefined)
      return made.config
    })
  }

  /**
   * Looks once; never fails.
   *
   * @returns whether there is something to see, so that the next look had better come soon.
   */
  async look(): Promise<boolean> {
    if (this.#declared === undefined || this.#connection.state !== 'connected') return true
    try {
      const busy = await this.#alone((manager) => this.#look(manager))
      this.#failure = undefined
      return busy
    } catch (error) {
      const failure = KitError.from(error)
      if (KitError.is(error, KitErrorCode.StreamMissing)) this.#of.gone(error.message)
      // Said once, not every time it is found again.
      else if (failure.message !== this.#failure) {
        this.#connection.logger.warn(
          { event: 'consumerLookFailed', consumer: this.#spec.name, error: failure.message },
          'consumer cannot be looked up',
        )
      }
      this.#failure = failure.message
      return true
    }
  }

  /** Leaves behind what the next start compares with. */
  async end(): Promise<void> {
    if (this.#declared === undefined || this.#connection.state !== 'connected') return
    await this.#alone(async (manager) => {
      const info = await this.#find(manager)
      // One that was edited or moved meanwhile is put right by the next start, which needs the note of before.
      if (!info || judgeRunning(this.#declared ?? {}, info).repair.length > 0) return
      if (await this.#progress.isMovedOn(info, () => this.#stream(manager))) return
      await this.#watch.onStop(manager, info, this.#of.reason())
      await this.#keep(manager)
    }).catch(() => undefined)
  }

  /** Removes an ephemeral consumer sooner than the broker would; never fails. */
  async remove(): Promise<void> {
    const { stream, name } = this.#spec
    try {
      const manager = await jetstreamManager(this.#connection.client, { checkAPI: false, timeout: REMOVE_TIMEOUT_MS })
      await manager.consumers.delete(stream, name)
    } catch (error) {
      // Not allowed, or not there: the broker removes it by itself after its threshold.
      const detail = { event: 'ephemeralLeft', consumer: name, error: KitError.from(error).message }
      this.#connection.logger.debug(detail, 'ephemeral consumer is left to the broker')
    }
  }

  async #keep(manager: JetStreamManager): Promise<void> {
    this.#keptAt = performance.now()
    const { position } = this.#watch
    // What is noted of a consumer that has to go back would be too far on.
    if (position && !this.#goingBack.isDue) await this.#memory?.keep(manager, position)
  }

  async #look(manager: JetStreamManager): Promise<boolean> {
    const before = streamLooksOf(this.#connection).last(this.#spec.stream)
    const live = await findConsumer(manager, this.#spec.stream, this.#spec.name)
    if (!live) {
      this.#of.gone('the consumer was deleted')
      return true
    }
    const found = await this.#skipped(manager, live)
    const declared = this.#declared ?? {}
    const fresh = () => this.#stream(manager)
    const corrected = await this.#correction.corrected(manager, found, declared, async () =>
      this.#goingBack.noteFilter(found, await fresh()),
    )
    // Numbers under another filter are another consumer's.
    if (!corrected) return true
    const known = await notedLately(this.#connection, corrected)
    const info = await this.#goingBack.corrected(manager, known, declared, fresh)
    this.#progress.remember(info, this.#incarnation, before)
    const busy = await this.#watch.onLook(manager, info, this.#of.reason())
    if (performance.now() - this.#keptAt > this.#settings.watchdog.noteEveryMs) await this.#keep(manager)
    return busy
  }

  /**
   * Takes up what an earlier process noted of how far the consumer had come: with the consumer, or where it outlives it.
   *
   * @returns what is noted of an instance whose consumer has expired.
   */
  async #recall(manager: JetStreamManager, stream: StreamInfo): Promise<PositionNote | undefined> {
    if (!this.#memory) return undefined
    const found = await this.#find(manager)
    // Who deletes a consumer that instances share, and that does not expire, wants it to begin as if it were new.
    if (!found && !this.#expires) return undefined
    const note = await this.#memory.recall(manager, found, stream)
    if (note) this.#progress.recall(note, stream)
    if (found || !note) return undefined
    // Of the consumer that it is noted with next.
    const { streamCreated, position, settledUpTo = 0 } = note
    return { streamCreated, position, settledUpTo }
  }

  /** The consumer past what was settled, where `pnpm ops apply` made it again, which knows nothing of that. */
  async #skipped(manager: JetStreamManager, info: ConsumerInfo): Promise<ConsumerInfo> {
    const sequence = this.#progress.skipTo(info, this.#incarnation)
    if (sequence === undefined) return info
    const reset = await manager.consumers.reset(info.stream_name, info.name, sequence)
    this.#connection.logger.info(
      { event: 'consumerMadeAgain', stream: info.stream_name, consumer: info.name, sequence },
      'the consumer was recreated; it resumes after what was settled',
    )
    return reset
  }

  async #find(manager: JetStreamManager): Promise<NotedConsumer | undefined> {
    const info = await findConsumer(manager, this.#spec.stream, this.#spec.name)
    return info && noted(this.#connection, info)
  }

  async #stream(manager: JetStreamManager): Promise<StreamInfo> {
    try {
      return (await streamLooksOf(this.#connection).look(manager, this.#spec.stream, performance.now())).info
    } catch (error) {
      throw consumerError(this.#spec.stream, this.#spec.name, error)
    }
  }

  #alone<T>(act: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    const run = this.#last.then(async () => {
      this.#manager ??= jetstreamManager(this.#connection.client, { checkAPI: false, timeout: REQUEST_TIMEOUT_MS })
      return act(await this.#manager)
    })
    this.#last = run.catch(() => undefined)
    return run
  }
}
