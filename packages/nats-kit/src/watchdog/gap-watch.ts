import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsumerInfo, JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { changeNotes, type NotedConsumer } from '../consumers/note-record.ts'
import { type Baseline, baselineOf, Baselines } from './baselines.ts'
import { type ConsumerIdentity, identityOf, startOf } from './consumer-identity.ts'
import { type Finding, goneOf, type Missed, missedAhead } from './missed-messages.ts'
import { Doubts, type LookReason } from './doubts.ts'
import { noteText, type PositionNote, readNote } from './position-note.ts'
import { streamLooksOf } from './stream-looks.ts'

/** What looks like a loss is measured again after this long: in the middle of a burst less of it can be proven. */
const AGAIN_MS = 250
/** The server counts what waits a moment after it stored it; on a busy machine that was more than 50 ms. */
const SETTLE_MS = 250

export interface GapWatchOf {
  readonly stream: string
  readonly consumer: string
  readonly channel: string
  readonly filterSubject: string
  readonly noteEveryMs: number
  /** How old a look at the stream may be that another consumer asked for, where nothing of this one is at stake. */
  readonly sharedLookMs: number
}

/** Of which stream and which consumer the positions are: one that was recreated counts from the start. */
interface Identity {
  readonly streamCreated: string
  readonly consumer: ConsumerIdentity
}

/**
 * Notices messages that left the stream before the consumer saw them: dropped by a limit, expired, or purged. What can
 * be known, and what cannot, is in decisions/010. A loss is reported when it is proven, so another channel's messages
 * never raise an alarm; where it was not watched, the doubt is reported as what it is.
 */
export class GapWatch {
  readonly #connection: Connection
  readonly #of: GapWatchOf
  #identity: Identity | undefined
  readonly #baselines = new Baselines()
  /** What had left the stream by the last look, and by the one before it. */
  #gone = 0
  #goneBefore = 0
  #settledUpTo = 0
  /** Where the kit had the consumer begin again since the last look. */
  #begunAgainAt: number | undefined
  #notedAt = Number.NEGATIVE_INFINITY
  #atLeast = 0
  readonly #doubts: Doubts

  constructor(connection: Connection, of: GapWatchOf) {
    this.#connection = connection
    this.#of = of
    this.#doubts = new Doubts(connection, of)
  }

  /** Messages that were missed for certain, since the process started or until the consumer was at its position then. */
  get missed(): number {
    return this.#atLeast
  }

  /** What to note with the consumer; undefined before the first look. */
  get note(): PositionNote | undefined {
    const position = this.#baselines.last
    if (!position || !this.#identity) return undefined
    return { ...this.#identity, position, settledUpTo: this.#settledUpTo }
  }

  /**
   * Compares the stream and the consumer with what they were.
   *
   * @param info the consumer as it was found just now.
   * @param retriesWait whether messages that failed here wait for their next delivery: the stream may drop them too.
   * @returns the stream as it was found.
   */
  async look(
    manager: JetStreamManager,
    info: NotedConsumer,
    reason: LookReason,
    retriesWait: boolean,
  ): Promise<StreamInfo> {
    const last = this.#baselines.last
    const waits = info.num_pending > 0 || retriesWait
    const atStake = reason !== 'run' || waits || last === undefined || last.unread > 0
    const notBefore = performance.now() - (atStake ? 0 : this.#of.sharedLookMs)
    const { info: stream } = await streamLooksOf(this.#connection).look(manager, this.#of.stream, notBefore)
    const isFirst = this.#identity === undefined
    this.#identify(stream, info)
    const before = this.#baselines.last
    const ahead = isFirst && this.#alone(stream)
    // The last look may have read the stream after a purge, and the consumer before it.
    const left = reason === 'start' || goneOf(stream) > this.#goneBefore
    this.#goneBefore = this.#gone
    this.#gone = goneOf(stream)
    const reported =
      left &&
      (await this.#judge(manager, stream, info, (finding) =>
        ahead ? missedAhead(finding) : this.#baselines.measure(finding),
      ))
    if (!reported && before) this.#doubts.consider(before, this.#finding(stream, info), reason)
    await this.#moveOn(manager, stream, info, reported || undefined)
    this.#settledUpTo = info.ack_floor.stream_seq
    if (performance.now() - this.#notedAt > this.#of.noteEveryMs) await this.leaveNote(info)
    return stream
  }

  /** The kit had the consumer begin again at `sequence`: its numbers do, too. */
  onReset(sequence: number, info: NotedConsumer): void {
    this.#baselines.renumber(sequence)
    if (this.#identity) this.#identity = { ...this.#identity, consumer: identityOf(info) }
    this.#begunAgainAt = sequence
    this.#settledUpTo = Math.min(this.#settledUpTo, sequence - 1)
  }

  /** Leaves the position with the consumer, for the next start. */
  async leaveNote(info: NotedConsumer): Promise<void> {
    this.#notedAt = performance.now()
    const { note } = this
    if (!note) return
    const noted = readNote(info.notes)
    const isNoted =
      noted?.streamCreated === note.streamCreated &&
      noted.position.lastSeq >= note.position.lastSeq &&
      noted.settledUpTo === note.settledUpTo &&
      noted.consumer?.created === note.consumer?.created &&
      noted.consumer?.wentBack === note.consumer?.wentBack
    if (!isNoted) await changeNotes(this.#connection, info, () => noteText(note))
  }

  /** Says that messages are missing, wherever that was found out. */
  report({ from, to, atLeast, atMost }: Missed): void {
    this.#atLeast += atLeast
    const { stream, consumer, channel } = this.#of
    const detail = { stream, consumer, channel, from, to, atLeast, atMost }
    this.#connection.logger.error(
      { event: 'messagesMissed', ...detail },
      'messages left the stream before this consumer saw them',
    )
    this.#connection.events.emit('messagesMissed', detail)
  }

  /** Forgets the positions of another stream, and what those of another consumer count. */
  #identify(stream: StreamInfo, info: NotedConsumer): void {
    const { created: streamCreated } = stream
    const consumer = identityOf(info)
    const was = this.#identity
    this.#identity = { streamCreated, consumer }
    const begunAgainAt = this.#begunAgainAt
    this.#begunAgainAt = undefined
    let before = was?.consumer
    if (was?.streamCreated !== streamCreated) {
      const note = was === undefined ? readNote(info.notes) : undefined
      // The note moves along with a consumer that is made again.
      before ??= note?.consumer
      const isOurs = note?.streamCreated === streamCreated
      this.#baselines.set(isOurs ? [{ position: note.position, reported: 0 }] : [])
      this.#gone = this.#goneBefore = 0
    }
    const last = this.#baselines.last
    if (was === undefined && begunAgainAt !== undefined) this.#baselines.renumber(begunAgainAt)
    else if (before && before.created !== consumer.created) this.#baselines.renumber(startOf(info.config))
    // Another instance had it begin again somewhere.
    else if (last && info.delivered.consumer_seq < last.deliveries) this.#baselines.renumber(undefined)
  }

  /** Measures, and measures again what looks like a loss. @returns what one that was reported was measured by. */
  async #judge(
    manager: JetStreamManager,
    stream: StreamInfo,
    info: ConsumerInfo,
    measure: (finding: Finding) => Missed | undefined,
  ): Promise<{ readonly stream: StreamInfo; readonly info: ConsumerInfo } | undefined> {
    if ((measure(this.#finding(stream, info))?.atLeast ?? 0) === 0) return undefined
    await sleep(AGAIN_MS)
    const streamAgain = await manager.streams.info(this.#of.stream)
    await sleep(SETTLE_MS)
    const infoAgain = await manager.consumers.info(this.#of.stream, this.#of.consumer)
    const missed = measure(this.#finding(streamAgain, infoAgain))
    if (!missed || missed.atLeast === 0) return undefined
    this.#baselines.reported(missed.atLeast)
    this.report(missed)
    return { stream: streamAgain, info: infoAgain }
  }

  async #moveOn(
    manager: JetStreamManager,
    stream: StreamInfo,
    info: ConsumerInfo,
    reported: { readonly stream: StreamInfo; readonly info: ConsumerInfo } | undefined,
  ): Promise<void> {
    const finding = this.#finding(stream, info)
    if (finding.stream.alone) {
      // What the numbers of the report hid of a burst shows at the next look, and is in no other.
      if (reported) this.#baselines.set([baselineOf(reported.stream, reported.info)])
      // What arrived between the two answers would be neither waiting nor still to come; the earlier position has it.
      else if ((this.#baselines.measure(finding)?.atLeast ?? 0) === 0) this.#baselines.set([baselineOf(stream, info)])
      return
    }
    this.#baselines.moveOn(stream, info, reported ? await this.#rebased(manager) : baselineOf(stream, info))
  }

  /** A fresh position: the consumer first, so that what arrives in between can hide a loss and never feign one. */
  async #rebased(manager: JetStreamManager): Promise<Baseline> {
    const info = await manager.consumers.info(this.#of.stream, this.#of.consumer)
    return baselineOf(await manager.streams.info(this.#of.stream), info)
  }

  #alone({ config }: StreamInfo): boolean {
    return config.subjects?.length === 1 && config.subjects[0] === this.#of.filterSubject
  }

  #finding(stream: StreamInfo, info: ConsumerInfo): Finding {
    const { first_seq: firstSeq, last_seq: lastSeq, messages } = stream.state
    return {
      stream: { firstSeq, lastSeq, messages, alone: this.#alone(stream) },
      consumer: {
        unread: info.num_pending,
        deliveries: info.delivered.consumer_seq,
        deliveredSeq: info.delivered.stream_seq,
      },
    }
  }
}
