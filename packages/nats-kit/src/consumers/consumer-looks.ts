import {
  type ConsumerConfig,
  type ConsumerInfo,
  type JetStreamManager,
  jetstreamManager,
  type StreamInfo,
} from '@nats-io/jetstream'
import { WatchdogCondition } from '../condition.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { incarnationOf, isMigrating } from '../streams/incarnation.ts'
import type { ConsumerWatch } from '../watchdog/consumer-watch.ts'
import type { LookReason } from '../watchdog/gap-watch.ts'
import { noteText, type PositionNote, readNote } from '../watchdog/position-note.ts'
import { streamLooksOf } from '../watchdog/stream-looks.ts'
import { LEAST_ACK_PENDING, toConsumerConfig } from './consumer-config.ts'
import { describeDifference, type FieldDifference, filterCovers } from './consumer-fields.ts'
import { ConsumerProgress } from './consumer-progress.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import {
  consumerError,
  correctConsumer,
  ensureConsumer,
  type EnsuredConsumer,
  findConsumer,
  judgeRunning,
} from './ensure-consumer.ts'
import { InstanceMemory } from './instance-memory.ts'
import type { SubscriberSettings } from './options.ts'
import { mustResume, resume, resumeAt, resumeNote } from './passed-over.ts'
import type { StartAt } from './start-at.ts'

const REQUEST_TIMEOUT_MS = 5_000
/** The server's code for a consumer that asks for a larger max_ack_pending than it allows. */
const MAX_ACK_PENDING_EXCEEDED = 10121

/** What the runner knows, and is told. */
export interface LookedAt {
  /** Why the consumer is looked at in the state that it is in. */
  reason(): LookReason
  /** The consumer, or its stream, is not there. */
  gone(detail: string): void
  /** The consumer as it is, before it delivers. */
  began(info: ConsumerInfo): void
}

/**
 * Makes a consumer the declared one, at each start and for as long as the app runs, in every state in which there is a
 * connection: what another tool changes is put right or named, what left the stream unseen is counted.
 */
export class ConsumerLooks {
  readonly #connection: Connection
  readonly #settings: SubscriberSettings
  readonly #spec: ConsumerSpec
  readonly #watch: ConsumerWatch
  readonly #progress: ConsumerProgress
  readonly #of: LookedAt
  /** One look or start at a time: each compares with what the one before has left. */
  #last: Promise<unknown> = Promise.resolve()
  #manager: Promise<JetStreamManager> | undefined
  #declared: Partial<ConsumerConfig> | undefined
  #incarnation: string | undefined
  readonly #memory: InstanceMemory | undefined
  #keptAt = Number.NEGATIVE_INFINITY
  #failure: string | undefined
  #trouble: string | undefined

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
    const expires = settings.lifetime === 'durable' && settings.delivery === 'fan-out'
    this.#memory = expires && !spec.workQueue ? new InstanceMemory(spec) : undefined
  }

  /**
   * Makes the consumer, or makes the one that is there the declared one, before it delivers.
   *
   * @returns its configuration.
   * @throws KitError as {@link ensureConsumer}, and `stream_different` while the stream is migrated.
   */
  async begin(): Promise<Partial<ConsumerConfig>> {
    return this.#alone(async (manager) => {
      const stream = await this.#stream(manager)
      if (isMigrating(stream)) {
        const why = `stream ${this.#spec.stream} is being migrated; its consumers are carried over`
        throw new KitError(KitErrorCode.StreamDifferent, why)
      }
      this.#incarnation = incarnationOf(stream)
      const { inboxPrefix, logger } = this.#connection
      const isNew = this.#progress.settledUpTo(this.#incarnation) === undefined
      const returned = isNew ? await this.#recall(manager, stream) : undefined
      const startAt = returned ? { sequence: (returned.settledUpTo ?? 0) + 1 } : this.#progress.startFrom(stream)
      const declared = toConsumerConfig(this.#settings, this.#spec, inboxPrefix, startAt)
      // The new consumer counts its deliveries from zero.
      const carried = returned && noteText({ ...returned, position: { ...returned.position, deliveries: 0 } })
      const noteOf = (live: ConsumerInfo) => this.#resumeNote(live, stream)
      const ensure = (wanted: Partial<ConsumerConfig>) =>
        ensureConsumer(manager, this.#spec.stream, withMetadata(wanted, carried ?? {}), logger, noteOf)
      const { info: found, created, config } = await this.#withinLimit(declared, ensure)
      if (created && isNew) this.#sayBacklog(found, startAt, returned)
      this.#declared = config
      const info = await this.#resumed(manager, found, stream)
      this.#progress.remember(info.ack_floor.stream_seq, this.#incarnation)
      this.#nameDifferences(judgeRunning(config, info).leave)
      this.#of.began(info)
      this.#watch.set(WatchdogCondition.ConsumerUnfit, false, 'the consumer is as declared')
      await this.#watch.onStart(manager, info)
      return config
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
      const info = await findConsumer(manager, this.#spec.stream, this.#spec.name)
      // One that was edited meanwhile is put right by the next start, which needs the note of before.
      if (!info || judgeRunning(this.#declared ?? {}, info).repair.length > 0) return
      await this.#watch.onStop(manager, info, this.#of.reason())
      await this.#keep(manager)
    }).catch(() => undefined)
  }

  async #keep(manager: JetStreamManager): Promise<void> {
    this.#keptAt = performance.now()
    const { position } = this.#watch
    if (position) await this.#memory?.keep(manager, position)
  }

  async #look(manager: JetStreamManager): Promise<boolean> {
    const found = await findConsumer(manager, this.#spec.stream, this.#spec.name)
    if (!found) {
      this.#of.gone('the consumer was deleted')
      return true
    }
    const info = await this.#corrected(manager, found)
    // Numbers under another filter are another consumer's.
    if (!info) return true
    this.#progress.remember(info.ack_floor.stream_seq, this.#incarnation)
    const busy = await this.#watch.onLook(manager, info, this.#of.reason())
    if (performance.now() - this.#keptAt > this.#settings.watchdog.noteEveryMs) await this.#keep(manager)
    return busy
  }

  /** The consumer with what differs put right; undefined where that cannot be done. */
  async #corrected(manager: JetStreamManager, live: ConsumerInfo): Promise<ConsumerInfo | undefined> {
    const declared = this.#declared ?? {}
    const { repair, leave } = judgeRunning(declared, live)
    const noted = mustResume(live)
    if (repair.length === 0) this.#nameDifferences(leave)
    if (repair.length === 0 && !noted) {
      this.#watch.set(WatchdogCondition.ConsumerUnfit, false, 'the consumer is as declared')
      return live
    }
    const stream = await this.#stream(manager)
    if (repair.length === 0) return this.#resumed(manager, live, stream)
    const changes = repair.map(describeDifference)
    try {
      const note = this.#resumeNote(live, stream)
      const info = await correctConsumer(manager, this.#spec.stream, withMetadata(declared, note), live, repair)
      const isContent = repair.some(({ effect }) => effect === 'content')
      this.#connection.logger[isContent ? 'error' : 'warn'](
        { event: 'consumerRepaired', stream: this.#spec.stream, consumer: this.#spec.name, changes },
        'something else has changed the consumer; it is as declared again',
      )
      this.#watch.set(WatchdogCondition.ConsumerUnfit, false, 'the consumer is as declared again')
      this.#nameDifferences(leave)
      return await this.#resumed(manager, info, stream)
    } catch (error) {
      const isContent = repair.some(({ effect }) => effect === 'content')
      const why = `${changes.join(', ')}: ${KitError.from(error).message}`
      const condition = isContent ? WatchdogCondition.ConsumerUnfit : WatchdogCondition.ConsumerDiffers
      this.#watch.set(condition, true, `the consumer was changed and cannot be put right: ${why}`)
      return isContent ? undefined : live
    }
  }

  /** What this instance left behind, where its consumer is not there any more. */
  async #recall(manager: JetStreamManager, stream: StreamInfo): Promise<PositionNote | undefined> {
    if (!this.#memory || (await findConsumer(manager, this.#spec.stream, this.#spec.name))) return undefined
    const note = await this.#memory.recall(manager)
    return note?.streamCreated === stream.created && note.settledUpTo !== undefined ? note : undefined
  }

  /** A cap that the kit derived is lowered to what it used to be where the server allows no more. */
  async #withinLimit(
    config: Partial<ConsumerConfig>,
    ensure: (config: Partial<ConsumerConfig>) => Promise<EnsuredConsumer>,
  ): Promise<EnsuredConsumer & { readonly config: Partial<ConsumerConfig> }> {
    try {
      return { ...(await ensure(config)), config }
    } catch (error) {
      const isOver = error instanceof KitError && error.brokerCode === MAX_ACK_PENDING_EXCEEDED
      const least = Math.max(LEAST_ACK_PENDING, this.#settings.concurrency)
      if (!isOver || this.#settings.maxAckPending !== undefined || config.max_ack_pending === least) throw error
      const lower = { ...config, max_ack_pending: least }
      return { ...(await ensure(lower)), config: lower }
    }
  }

  #sayBacklog({ num_pending: messages }: ConsumerInfo, startAt: StartAt, returned: PositionNote | undefined): void {
    const { stream, name: consumer, channel } = this.#spec
    if (this.#spec.workQueue || (messages === 0 && !returned)) return
    const detail = { stream, consumer, channel, messages, startAt }
    if (returned) {
      this.#connection.logger.warn(
        { event: 'instanceReturned', ...detail },
        'the consumer of this instance expired while it was away for longer than inactiveThresholdMs; it goes on after what it had settled',
      )
      return
    }
    this.#connection.logger.info(
      { event: 'backlogAtStart', ...detail },
      this.#memory
        ? 'a consumer was made and handles what the stream holds already; this instance is new, or was away for too long to be remembered. startAt: "new" begins with what is published from now on'
        : 'a consumer was made and handles what the stream holds already; startAt: "new" begins with what is published from now on',
    )
  }

  /** From where the consumer has to deliver again when its filter is put right; nothing where the filter was right. */
  #resumeNote(live: ConsumerInfo, stream: StreamInfo): Record<string, string> {
    if (this.#spec.workQueue === true || filterCovers(live.config, this.#spec.filterSubject)) return {}
    const note = readNote(live.config.metadata)
    const noted = note?.streamCreated === stream.created ? note.settledUpTo : undefined
    const settledUpTo = this.#progress.settledUpTo(incarnationOf(stream)) ?? noted
    if (settledUpTo === undefined) {
      const { stream_seq: to } = live.delivered
      const detail = { stream: this.#spec.stream, consumer: this.#spec.name, to }
      if (to > 0)
        this.#connection.logger.error(
          { event: 'messagesPassedOver', ...detail },
          `the consumer had another filter, and from where is not known: messages up to ${to} may have been passed over; to handle them, reset the consumer to the sequence from which they count`,
        )
      return {}
    }
    return resumeNote(stream, settledUpTo + 1)
  }

  async #resumed(manager: JetStreamManager, live: ConsumerInfo, stream: StreamInfo): Promise<ConsumerInfo> {
    const sequence = resumeAt(live, stream)
    if (sequence === undefined) return live
    const { info, trouble } = await resume(manager, live, sequence, this.#connection.logger)
    if (trouble === undefined) this.#watch.onReset(sequence)
    else if (this.#trouble !== trouble) {
      const detail = { stream: live.stream_name, consumer: live.name, from: sequence, to: live.delivered.stream_seq }
      this.#connection.logger.error({ event: 'messagesPassedOver', ...detail }, trouble)
    }
    this.#trouble = trouble
    this.#watch.set(WatchdogCondition.PassedOver, trouble !== undefined, trouble ?? 'what was passed over is delivered')
    return info
  }

  #nameDifferences(leave: readonly FieldDifference[]): void {
    const what = leave.map(describeDifference).join(', ')
    this.#watch.set(
      WatchdogCondition.ConsumerDiffers,
      leave.length > 0,
      leave.length > 0 ? `left as it is (found → declared): ${what}` : 'the consumer is as declared',
    )
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

function withMetadata(config: Partial<ConsumerConfig>, more: Record<string, string>): Partial<ConsumerConfig> {
  return { ...config, metadata: { ...config.metadata, ...more } }
}
