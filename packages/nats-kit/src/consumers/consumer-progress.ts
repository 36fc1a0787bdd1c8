import { type ConsumerInfo, DeliverPolicy, type StreamInfo } from '@nats-io/jetstream'
import { incarnationOf } from '../streams/incarnation.ts'
import { goneOf } from '../watchdog/missed-messages.ts'
import { type ConsumerIdentity, identityOf, startOf } from '../watchdog/consumer-identity.ts'
import { beginsAfterSettled, isOfDeclaration } from './consumer-beginning.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import type { SubscriberSettings } from './options.ts'
import type { PositionNote } from '../watchdog/position-note.ts'
import type { NotedConsumer } from './note-record.ts'
import { resumeAt } from './passed-over.ts'
import type { StartAt } from '../handling/start-at.ts'

/** What was seen of a consumer, and of the stream before it. */
interface Seen {
  readonly incarnation: string
  /** Which consumer it was; unknown of a note that an older kit left. */
  readonly consumer: ConsumerIdentity | undefined
  readonly settledUpTo: number
  readonly deliveries: number
  /** Its messages that waited. */
  readonly unread: number
  /** Messages that had left the stream before the others were read. */
  readonly gone: number | undefined
}

/** How far a consumer had got, and in which incarnation of its stream: where it goes on when it has to be recreated. */
export class ConsumerProgress {
  readonly #settings: SubscriberSettings
  readonly #spec: ConsumerSpec
  #seen: Seen | undefined

  constructor(settings: SubscriberSettings, spec: ConsumerSpec) {
    this.#settings = settings
    this.#spec = spec
  }

  /** @param before the stream as it was found before the consumer, if it was. */
  remember(info: NotedConsumer, incarnation: string, before: StreamInfo | undefined): void {
    const floor = info.ack_floor.stream_seq
    const at = resumeAt(info, incarnation)
    this.#seen = {
      incarnation,
      consumer: identityOf(info),
      // As long as it has to go back, that one counts.
      settledUpTo: at === undefined ? floor : Math.min(floor, at.sequence - 1),
      deliveries: info.delivered.consumer_seq,
      unread: info.num_pending,
      gone: before && goneOf(before),
    }
  }

  /** What an earlier process noted of this stream's consumer. */
  recall({ position, settledUpTo, consumer }: PositionNote, stream: StreamInfo): void {
    if (settledUpTo === undefined) return
    this.#seen = {
      incarnation: incarnationOf(stream),
      consumer,
      settledUpTo,
      deliveries: position.deliveries,
      unread: position.unread,
      gone: position.gone,
    }
  }

  /** Up to where everything was settled; undefined where neither this process nor a note knows of that stream. */
  settledUpTo(incarnation: string): number | undefined {
    return this.#seen?.incarnation === incarnation ? this.#seen.settledUpTo : undefined
  }

  /**
   * Whether something may have moved the consumer to behind messages that were not settled. Not another instance's
   * settling, nor a consumer that the kit made or had go back, nor a move backwards: that loses nothing.
   *
   * The server does not tell a move. One that was made again has another time of creation, and one that was reset counts
   * its deliveries from zero. One that has delivered nothing yet and has a higher floor, or of which fewer messages wait
   * than were delivered since, has passed over some, as long as none has left the stream.
   *
   * @param stream read after the consumer, for a consumer that is under suspicion only.
   */
  async isMovedOn(info: NotedConsumer, stream: () => Promise<StreamInfo>): Promise<boolean> {
    const seen = this.#seen
    if (!seen || info.ack_floor.stream_seq <= seen.settledUpTo) return false
    const suspicion = suspicionOf(seen, info)
    if (suspicion === 'none') return false
    const found = await stream()
    if (incarnationOf(found) !== seen.incarnation) return false
    return suspicion === 'moved' || goneOf(found) === seen.gone
  }

  /**
   * From where a consumer has to deliver that was made of its declaration, in place of one that this process has seen:
   * undefined where it is to be left as it is, also one that another tool made in order to have messages again.
   */
  skipTo({ created, config, delivered }: ConsumerInfo, incarnation: string): number | undefined {
    const seen = this.#seen
    if (seen?.incarnation !== incarnation || seen.settledUpTo === 0 || this.#spec.workQueue) return undefined
    const isAgain = seen.consumer !== undefined && seen.consumer.created !== String(created)
    const isNew = delivered.consumer_seq === 0 && config.deliver_policy === DeliverPolicy.All && isOfDeclaration(config)
    return isAgain && isNew ? seen.settledUpTo + 1 : undefined
  }

  /**
   * Where a consumer that has to be made begins. One that this process has seen goes on after what was settled then,
   * in the same stream; a stream that was recreated counts from 1 again, so there it begins at the beginning.
   */
  startFrom(stream: StreamInfo): StartAt {
    // What was settled has left a work queue, and the server lets its readers begin nowhere else.
    if (this.#spec.workQueue) return 'all'
    const settledUpTo = this.settledUpTo(incarnationOf(stream))
    if (settledUpTo !== undefined) return { sequence: settledUpTo + 1 }
    if (this.#seen) return 'all'
    const { startAt = 'all' } = this.#spec
    // A number, so that the consumer can be set back to it when another tool has changed its filter.
    const isKept = this.#settings.lifetime === 'durable'
    return startAt === 'new' && isKept ? { sequence: stream.state.last_seq + 1 } : startAt
  }
}

function suspicionOf(seen: Seen, info: NotedConsumer): 'none' | 'moved' | 'unless messages left' {
  const { created, wentBack } = identityOf(info)
  if (seen.consumer !== undefined && seen.consumer.created !== created) {
    const beginning = startOf(info.config) ?? Number.POSITIVE_INFINITY
    return beginsAfterSettled(info.config) || beginning <= seen.settledUpTo + 1 ? 'none' : 'moved'
  }
  if (seen.consumer !== undefined && seen.consumer.wentBack !== wentBack) return 'none'
  const delivered = info.delivered.consumer_seq - seen.deliveries
  if (delivered < 0) return 'moved'
  // Nothing was ever settled, and yet the floor has risen.
  const isUntouched = info.delivered.consumer_seq === 0
  return isUntouched || info.num_pending < seen.unread - delivered ? 'unless messages left' : 'none'
}
