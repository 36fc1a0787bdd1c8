import type { ConsumerConfig, ConsumerInfo, JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import { WatchdogCondition } from '../condition.ts'
import type { Connection } from '../connection/connection.ts'
import { incarnationOf } from '../streams/incarnation.ts'
import type { ConsumerWatch } from '../watchdog/consumer-watch.ts'
import { readNote } from '../watchdog/position-note.ts'
import { filterCovers } from './consumer-fields.ts'
import type { ConsumerProgress } from './consumer-progress.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import { changeNotes, type NotedConsumer } from './note-record.ts'
import {
  describeTrouble,
  goBack,
  mustResume,
  type PassedOverBy,
  type ResumeAt,
  resumeAt,
  resumeNote,
} from './passed-over.ts'

const SAID: Record<PassedOverBy, { readonly event: string; readonly text: string }> = {
  filter: {
    event: 'filterRepaired',
    text: 'the consumer had another filter and went past messages of its own; it begins again before them, so some are handled twice',
  },
  move: {
    event: 'consumerMoved',
    text:
      'something else moved the consumer past messages of its own, by a reset or by recreating it; it resumes after what was settled, ' +
      'so some may be handled twice. To skip messages on purpose: stop every instance, delete the consumer, and start the app with startAt',
  },
}

/**
 * Has a consumer go back to what it passed over: while another tool had changed its filter, or when one had moved it on,
 * by a reset or by making it again with a later beginning. The app does not know whether an operator meant it, and going
 * back loses nothing; so a move forward is undone, and the log says how messages are skipped on purpose. A move
 * backwards is left as it is.
 *
 * Two instances may find the same move at the same time, and go back once each. What one of them has done the others
 * know by a note with the consumer, so they do not go back behind it.
 */
export class GoingBack {
  readonly #connection: Connection
  readonly #spec: ConsumerSpec
  readonly #watch: ConsumerWatch
  readonly #progress: ConsumerProgress
  #trouble: string | undefined

  constructor(connection: Connection, spec: ConsumerSpec, watch: ConsumerWatch, progress: ConsumerProgress) {
    this.#connection = connection
    this.#spec = spec
    this.#watch = watch
    this.#progress = progress
  }

  /** Whether the consumer has passed over messages and could not go back yet. */
  get isDue(): boolean {
    return this.#trouble !== undefined
  }

  /** Notes from where the consumer has to deliver again when its filter is put right; nothing where the filter was right. */
  async noteFilter(live: ConsumerInfo, stream: StreamInfo): Promise<void> {
    if (this.#spec.workQueue === true || filterCovers(live.config, this.#spec.filterSubject)) return
    await changeNotes(this.#connection, live, (notes) => {
      const noted = { ...live, notes }
      // Noted once: it may take a while until the filter is corrected.
      return resumeAt(noted, incarnationOf(stream)) === undefined ? this.#filterNote(noted, stream) : undefined
    })
  }

  #filterNote(live: NotedConsumer, stream: StreamInfo): Record<string, string> {
    const note = readNote(live.notes)
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
    return resumeNote(stream, { sequence: settledUpTo + 1, by: 'filter' })
  }

  /**
   * The consumer where it should be: before what it passed over, as far as that is known and can be done.
   *
   * @param stream looks at the stream, after the consumer was looked at.
   * @throws what the client throws when the move cannot be noted.
   */
  async corrected(
    manager: JetStreamManager,
    live: NotedConsumer,
    declared: Partial<ConsumerConfig>,
    stream: () => Promise<StreamInfo>,
  ): Promise<NotedConsumer> {
    const isMoved = !mustResume(live) && (await this.#progress.isMovedOn(live, stream))
    if (!isMoved && !mustResume(live)) {
      this.over()
      return live
    }
    const found = await stream()
    const info = isMoved ? await this.#noted(live, found) : live
    const at = resumeAt(info, incarnationOf(found))
    return at === undefined ? info : this.#goBack(manager, info, at, declared)
  }

  /** The consumer is where it should be: it went back, or was made again. */
  over(): void {
    this.#trouble = undefined
    this.#watch.set(WatchdogCondition.PassedOver, false, 'the skipped messages are delivered')
  }

  async #noted(live: NotedConsumer, stream: StreamInfo): Promise<NotedConsumer> {
    const settledUpTo = this.#progress.settledUpTo(incarnationOf(stream))
    if (settledUpTo === undefined) return live
    const note = resumeNote(stream, { sequence: settledUpTo + 1, by: 'move' })
    return changeNotes(this.#connection, live, () => note)
  }

  async #goBack(
    manager: JetStreamManager,
    live: NotedConsumer,
    at: ResumeAt,
    declared: Partial<ConsumerConfig>,
  ): Promise<NotedConsumer> {
    const { logger } = this.#connection
    const passed = { stream: live.stream_name, consumer: live.name, from: at.sequence, to: live.delivered.stream_seq }
    try {
      const { info, messages } = await goBack(this.#connection, manager, live, at.sequence, declared)
      // Nothing new waits where it only looked as if it had been moved.
      const level = at.by === 'move' && messages === 0 ? 'info' : 'error'
      logger[level]({ event: SAID[at.by].event, ...passed, messages }, SAID[at.by].text)
      this.#watch.onReset(at.sequence, info)
      this.over()
      return info
    } catch (error) {
      const trouble = describeTrouble(live, at, error)
      if (this.#trouble !== trouble) logger.error({ event: 'messagesPassedOver', ...passed }, trouble)
      this.#trouble = trouble
      this.#watch.set(WatchdogCondition.PassedOver, true, trouble)
      return live
    }
  }
}
