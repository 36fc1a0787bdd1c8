import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsumerInfo, JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { KitError } from '../errors.ts'
import { droppedUnseen, type Finding, type Missed, missedAhead, missedSince, type Position } from './missed-messages.ts'
import { readNote, writeNote } from './position-note.ts'

/** What looks like a loss is measured again after this long: in the middle of a burst less of it can be proven. */
const AGAIN_MS = 250
/** The server counts what waits a moment after it stored it. */
const SETTLE_MS = 50

interface Measured {
  readonly stream: StreamInfo
  readonly info: ConsumerInfo
}

export interface GapWatchOf {
  readonly app: string
  readonly stream: string
  readonly consumer: string
  readonly channel: string
  readonly filterSubject: string
  readonly noteEveryMs: number
}

/**
 * Notices messages that left the stream before the consumer saw them: dropped by a limit, or expired. What can be known,
 * and what cannot, is in decisions/010. A loss is reported when it is proven, so another channel's messages never raise
 * an alarm; where a restart leaves a doubt, the doubt is reported as what it is.
 */
export class GapWatch {
  readonly #connection: Connection
  readonly #of: GapWatchOf
  #before: { readonly streamCreated: string; readonly position: Position } | undefined
  #isAlone = false
  #notedAt = Number.NEGATIVE_INFINITY
  #atLeast = 0

  constructor(connection: Connection, of: GapWatchOf) {
    this.#connection = connection
    this.#of = of
  }

  /** Messages that were missed for certain, since the process started or until the consumer was at its position then. */
  get missed(): number {
    return this.#atLeast
  }

  /** Before the first delivery: what was missed while nobody looked. */
  async onStart(manager: JetStreamManager, info: ConsumerInfo): Promise<void> {
    const stream = await manager.streams.info(this.#of.stream)
    const own = this.#before
    this.#before ??= readNote(info)
    if (this.#before && this.#before.streamCreated !== stream.created) this.#before = undefined
    const ahead = own === undefined && this.#alone(stream)
    const measure = (finding: Finding): Missed | undefined => {
      if (ahead) return missedAhead(finding)
      return this.#before && missedSince(this.#before.position, finding)
    }
    const proven = await this.#judge(manager, stream, info, measure)
    const unseen = this.#before && droppedUnseen(this.#before.position, this.#finding(stream, info))
    if (!proven && unseen) this.#doubt(unseen)
    await this.#rebase(manager)
  }

  async onLook(manager: JetStreamManager, info: ConsumerInfo): Promise<void> {
    const stream = await manager.streams.info(this.#of.stream)
    const before = this.#before
    if (!before || before.streamCreated !== stream.created) return this.#keep(stream, info)
    const left = goneOf(stream) > before.position.gone
    const reported =
      left && (await this.#judge(manager, stream, info, (finding) => missedSince(before.position, finding)))
    // The numbers that the report was made of: what they hid of a burst shows at the next look, and is in no other.
    if (reported && this.#alone(stream)) this.#keep(reported.stream, reported.info)
    else if (reported) await this.#rebase(manager)
    else if (this.#canMoveOn(before.position, stream, info)) this.#keep(stream, info)
    if (performance.now() - this.#notedAt > this.#of.noteEveryMs) await this.note(manager, info)
  }

  #canMoveOn(before: Position, stream: StreamInfo, info: ConsumerInfo): boolean {
    const finding = this.#finding(stream, info)
    // What arrived between the two answers would be neither waiting nor still to come; the earlier position has it.
    if (finding.stream.alone) return missedSince(before, finding).atLeast === 0
    // What waited then goes on being watched until it is delivered or gone.
    return before.unread === 0 || info.num_pending === 0 || stream.state.first_seq > before.lastSeq
  }

  /** Leaves the position with the consumer. A stream of one channel needs none: there the sequences say it all. */
  async note(manager: JetStreamManager, info: ConsumerInfo): Promise<void> {
    this.#notedAt = performance.now()
    const noted = readNote(info)
    const before = this.#before
    if (
      !before ||
      this.#isAlone ||
      (noted?.streamCreated === before.streamCreated && noted.position.lastSeq >= before.position.lastSeq)
    )
      return
    await writeNote(manager, info, this.#of.app, before)
  }

  /** Measures, and measures again what looks like a loss. @returns what one that was reported was measured by. */
  async #judge(
    manager: JetStreamManager,
    stream: StreamInfo,
    info: ConsumerInfo,
    measure: (finding: Finding) => Missed | undefined,
  ): Promise<Measured | undefined> {
    if ((measure(this.#finding(stream, info))?.atLeast ?? 0) === 0) return undefined
    await sleep(AGAIN_MS)
    const streamAgain = await manager.streams.info(this.#of.stream)
    await sleep(SETTLE_MS)
    const infoAgain = await manager.consumers.info(this.#of.stream, this.#of.consumer)
    const missed = measure(this.#finding(streamAgain, infoAgain))
    if (!missed || missed.atLeast === 0) return undefined
    this.#report(missed)
    return { stream: streamAgain, info: infoAgain }
  }

  #report({ from, to, atLeast, atMost }: Missed): void {
    this.#atLeast += atLeast
    const { stream, consumer, channel } = this.#of
    const detail = { stream, consumer, channel, from, to, atLeast, atMost }
    this.#connection.logger.error(
      { event: 'messagesMissed', ...detail },
      'messages left the stream before this consumer saw them',
    )
    this.#connection.events.emit('messagesMissed', detail)
  }

  #doubt({ from, to, atMost }: Omit<Missed, 'atLeast'>): void {
    const { stream, consumer, channel } = this.#of
    const detail = { stream, consumer, channel, from, to, atMost }
    this.#connection.logger.warn(
      { event: 'messagesMayBeMissed', ...detail },
      'the stream dropped messages while nobody looked; some may have been this consumer’s',
    )
    this.#connection.events.emit('messagesMayBeMissed', detail)
  }

  /** A fresh position: the consumer first, so that what arrives in between can hide a loss and never feign one. */
  async #rebase(manager: JetStreamManager): Promise<void> {
    const info = await manager.consumers.info(this.#of.stream, this.#of.consumer)
    this.#keep(await manager.streams.info(this.#of.stream), info)
  }

  #keep(stream: StreamInfo, info: ConsumerInfo): void {
    this.#isAlone = this.#alone(stream)
    const position: Position = {
      lastSeq: stream.state.last_seq,
      gone: goneOf(stream),
      unread: info.num_pending,
      deliveries: info.delivered.consumer_seq,
      deliveredSeq: info.delivered.stream_seq,
    }
    this.#before = { streamCreated: stream.created, position }
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

function goneOf({ state }: StreamInfo): number {
  return state.last_seq - state.messages
}

/** The watch must not cost the consumer: what it cannot find out is said and tried again at the next look. */
export async function withoutHarm(connection: Connection, consumer: string, look: () => Promise<void>): Promise<void> {
  try {
    await look()
  } catch (error) {
    connection.logger.warn(
      { event: 'gapLookFailed', consumer, error: KitError.from(error).message },
      'whether messages were missed cannot be found out now',
    )
  }
}
