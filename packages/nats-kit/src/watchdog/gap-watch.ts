import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsumerInfo, JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { type ConsumerIdentity, identityOf, startOf } from './consumer-identity.ts'
import {
  droppedUnseen,
  type Finding,
  goneOf,
  leftUnseen,
  type Missed,
  missedAhead,
  missedSince,
  type Position,
} from './missed-messages.ts'
import { type PositionNote, readNote, writeNote } from './position-note.ts'
import { streamLooksOf } from './stream-looks.ts'

/** What looks like a loss is measured again after this long: in the middle of a burst less of it can be proven. */
const AGAIN_MS = 250
/** The server counts what waits a moment after it stored it. */
const SETTLE_MS = 50
/** Earlier positions that are kept: an old one proves what newer messages have hidden since. */
const MAX_BASELINES = 8

/**
 * Why the stream is looked at. After a `start` and a `freeze` much may have happened unseen; in a `pause` nothing is
 * delivered, so what arrives and leaves between two looks is seen by no delivery either.
 */
export type LookReason = 'start' | 'freeze' | 'pause' | 'run'

export interface GapWatchOf {
  readonly app: string
  readonly stream: string
  readonly consumer: string
  readonly channel: string
  readonly filterSubject: string
  readonly noteEveryMs: number
  /** How old a look at the stream may be that another consumer asked for, where nothing of this one is at stake. */
  readonly sharedLookMs: number
}

/** An earlier position, and how many of the messages missed since then are reported already. */
interface Baseline {
  readonly position: Position
  reported: number
}

/** Of which stream and which consumer the positions are: one that was recreated counts anew. */
interface Identity {
  readonly streamCreated: string
  readonly consumer: ConsumerIdentity
}

type Doubt = Omit<Missed, 'atLeast'>

/**
 * Notices messages that left the stream before the consumer saw them: dropped by a limit, expired, or purged. What can
 * be known, and what cannot, is in decisions/010. A loss is reported when it is proven, so another channel's messages
 * never raise an alarm; where nobody looked, the doubt is reported as what it is.
 */
export class GapWatch {
  readonly #connection: Connection
  readonly #of: GapWatchOf
  #identity: Identity | undefined
  /** Oldest first; the last one is the position of the last look. */
  #baselines: Baseline[] = []
  /** What had left the stream by the last look, and by the one before it. */
  #gone = 0
  #goneBefore = 0
  #settledUpTo = 0
  /** Where the kit had the consumer begin again since the last look. */
  #begunAgainAt: number | undefined
  #notedAt = Number.NEGATIVE_INFINITY
  #atLeast = 0
  #doubt: Doubt | undefined
  #doubtedAt = Number.NEGATIVE_INFINITY

  constructor(connection: Connection, of: GapWatchOf) {
    this.#connection = connection
    this.#of = of
  }

  /** Messages that were missed for certain, since the process started or until the consumer was at its position then. */
  get missed(): number {
    return this.#atLeast
  }

  /** What to note with the consumer; undefined before the first look. */
  get note(): PositionNote | undefined {
    const last = this.#baselines.at(-1)
    if (!last || !this.#identity) return undefined
    return { ...this.#identity, position: last.position, settledUpTo: this.#settledUpTo }
  }

  /**
   * Compares the stream and the consumer with what they were.
   *
   * @param info the consumer as it was found just now.
   * @returns the stream as it was found.
   */
  async look(manager: JetStreamManager, info: ConsumerInfo, reason: LookReason): Promise<StreamInfo> {
    const last = this.#baselines.at(-1)?.position
    const atStake = reason !== 'run' || info.num_pending > 0 || last === undefined || last.unread > 0
    const notBefore = performance.now() - (atStake ? 0 : this.#of.sharedLookMs)
    const { info: stream } = await streamLooksOf(this.#connection).look(manager, this.#of.stream, notBefore)
    const isFirst = this.#identity === undefined
    this.#identify(stream, info)
    const before = this.#baselines.at(-1)?.position
    const ahead = isFirst && this.#alone(stream)
    // The last look may have read the stream after a purge, and the consumer before it.
    const left = reason === 'start' || goneOf(stream) > this.#goneBefore
    this.#goneBefore = this.#gone
    this.#gone = goneOf(stream)
    const reported = left && (await this.#judge(manager, stream, info, (finding) => this.#measure(finding, ahead)))
    if (!reported && before) this.#consider(before, this.#finding(stream, info), reason)
    await this.#moveOn(manager, stream, info, reported || undefined)
    this.#settledUpTo = info.ack_floor.stream_seq
    if (performance.now() - this.#notedAt > this.#of.noteEveryMs) await this.leaveNote(manager, info)
    return stream
  }

  /** The kit had the consumer begin again at `sequence`: its numbers do, too. */
  onReset(sequence: number, info: ConsumerInfo): void {
    this.#renumber(sequence)
    if (this.#identity) this.#identity = { ...this.#identity, consumer: identityOf(info) }
    this.#begunAgainAt = sequence
    this.#settledUpTo = Math.min(this.#settledUpTo, sequence - 1)
  }

  /** Leaves the position with the consumer, for the next start. */
  async leaveNote(manager: JetStreamManager, info: ConsumerInfo): Promise<void> {
    this.#notedAt = performance.now()
    const { note } = this
    if (!note) return
    const noted = readNote(info.config.metadata)
    const isNoted =
      noted?.streamCreated === note.streamCreated &&
      noted.position.lastSeq >= note.position.lastSeq &&
      noted.settledUpTo === note.settledUpTo &&
      noted.consumer?.created === note.consumer?.created &&
      noted.consumer?.wentBack === note.consumer?.wentBack
    if (!isNoted) await writeNote(manager, info, this.#of.app, note)
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
  #identify(stream: StreamInfo, info: ConsumerInfo): void {
    const { created: streamCreated } = stream
    const consumer = identityOf(info)
    const was = this.#identity
    this.#identity = { streamCreated, consumer }
    const begunAgainAt = this.#begunAgainAt
    this.#begunAgainAt = undefined
    if (was?.streamCreated !== streamCreated) {
      const note = was === undefined ? readNote(info.config.metadata) : undefined
      const isOurs = note?.streamCreated === streamCreated
      this.#baselines = isOurs ? [{ position: note.position, reported: 0 }] : []
      this.#gone = this.#goneBefore = 0
    }
    const last = this.#baselines.at(-1)?.position
    if (was === undefined && begunAgainAt !== undefined) this.#renumber(begunAgainAt)
    else if (was && was.consumer.created !== consumer.created) this.#renumber(startOf(info.config))
    // Another instance had it begin again somewhere.
    else if (last && info.delivered.consumer_seq < last.deliveries) this.#renumber(undefined)
  }

  /**
   * A consumer that begins at or before an earlier position delivers again all that waited then, and counts from zero.
   * Of one that begins later it is not known what was delivered in between.
   */
  #renumber(beginsAt: number | undefined): void {
    this.#baselines = this.#baselines
      .filter(({ position }) => beginsAt !== undefined && beginsAt - 1 <= position.deliveredSeq)
      .map(({ position, reported }) => ({ position: { ...position, deliveries: 0 }, reported }))
  }

  /** The largest number that one of the positions proves, less what was reported since. */
  #measure(finding: Finding, ahead: boolean): Missed | undefined {
    if (ahead) return missedAhead(finding)
    let most: Missed | undefined
    for (const { position, reported } of this.#baselines) {
      const missed = missedSince(position, finding)
      const atLeast = missed.atLeast - reported
      if (atLeast > (most?.atLeast ?? 0))
        most = { ...missed, atLeast, atMost: Math.max(atLeast, missed.atMost - reported) }
    }
    return most
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
    for (const baseline of this.#baselines) baseline.reported += missed.atLeast
    this.report(missed)
    return { stream: streamAgain, info: infoAgain }
  }

  /** Collects what may have been missed, and says it once for as long as it goes on. */
  #consider(before: Position, finding: Finding, reason: LookReason): void {
    // A consumer that has room is delivered what arrives at once: what it was not delivered was not its own.
    const behind = before.unread > 0 || finding.consumer.unread > 0
    const unseen = reason !== 'run' ? leftUnseen(before, finding) : behind ? droppedUnseen(before, finding) : undefined
    if (unseen) {
      const { from = unseen.from, atMost = 0 } = this.#doubt ?? {}
      this.#doubt = { from, to: unseen.to, atMost: atMost + unseen.atMost }
    }
    const goesOn = reason === 'pause' || (reason === 'run' && behind)
    const now = performance.now()
    if (!this.#doubt || (goesOn && now - this.#doubtedAt < this.#of.noteEveryMs)) return
    const { stream, consumer, channel } = this.#of
    const detail = { stream, consumer, channel, ...this.#doubt }
    this.#doubt = undefined
    this.#doubtedAt = now
    this.#connection.logger.warn(
      { event: 'messagesMayBeMissed', ...detail },
      'messages left the stream while this consumer could not see them; some may have been its own',
    )
    this.#connection.events.emit('messagesMayBeMissed', detail)
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
      if (reported) this.#baselines = [baselineOf(reported.stream, reported.info)]
      // What arrived between the two answers would be neither waiting nor still to come; the earlier position has it.
      else if ((this.#measure(finding, false)?.atLeast ?? 0) === 0) this.#baselines = [baselineOf(stream, info)]
      return
    }
    const last = reported ? await this.#rebased(manager) : baselineOf(stream, info)
    // Nothing more can be proven by one of which all was delivered or reported, or nothing can wait any more.
    const useful = this.#baselines.filter(({ position, reported: said }) => {
      const delivered = info.delivered.consumer_seq - position.deliveries
      return position.unread - delivered - said > 0 && stream.state.first_seq <= position.lastSeq
    })
    this.#baselines = [...thinned(useful), last]
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

function baselineOf(stream: StreamInfo, info: ConsumerInfo): Baseline {
  const position = {
    lastSeq: stream.state.last_seq,
    gone: goneOf(stream),
    unread: info.num_pending,
    deliveries: info.delivered.consumer_seq,
    deliveredSeq: info.delivered.stream_seq,
    firstSeq: stream.state.first_seq,
  }
  return { position, reported: 0 }
}

/** The oldest, which proves most, and the newest of the others. */
function thinned(baselines: readonly Baseline[]): readonly Baseline[] {
  if (baselines.length < MAX_BASELINES) return baselines
  return [...baselines.slice(0, 1), ...baselines.slice(baselines.length - MAX_BASELINES + 2)]
}
