import type { ConsumerInfo, StreamInfo } from '@nats-io/jetstream'
import { type Finding, goneOf, type Missed, missedSince, type Position } from './missed-messages.ts'

/** Earlier positions that are kept: an old one proves what newer messages have hidden since. */
const MAX_BASELINES = 8

/** An earlier position, and how many of the messages missed since then are reported already. */
export interface Baseline {
  readonly position: Position
  reported: number
}

export function baselineOf(stream: StreamInfo, info: ConsumerInfo): Baseline {
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

/** The earlier positions that a consumer's losses are measured by, oldest first. */
export class Baselines {
  #all: readonly Baseline[] = []

  /** The position of the last look. */
  get last(): Position | undefined {
    return this.#all.at(-1)?.position
  }

  set(baselines: readonly Baseline[]): void {
    this.#all = baselines
  }

  /**
   * A consumer that begins at or before an earlier position delivers again all that waited then, and counts from zero.
   * Of one that begins later it is not known what was delivered in between.
   */
  renumber(beginsAt: number | undefined): void {
    this.#all = this.#all
      .filter(({ position }) => beginsAt !== undefined && beginsAt - 1 <= position.deliveredSeq)
      .map(({ position, reported }) => ({ position: { ...position, deliveries: 0 }, reported }))
  }

  /** The largest number that one of the positions proves, less what was reported since. */
  measure(finding: Finding): Missed | undefined {
    let most: Missed | undefined
    for (const { position, reported } of this.#all) {
      const missed = missedSince(position, finding)
      const atLeast = missed.atLeast - reported
      if (atLeast > (most?.atLeast ?? 0))
        most = { ...missed, atLeast, atMost: Math.max(atLeast, missed.atMost - reported) }
    }
    return most
  }

  /** What one has reported is no other's. */
  reported(messages: number): void {
    for (const baseline of this.#all) baseline.reported += messages
  }

  /** Adds the newest, and keeps those that can still prove something: of which not all was delivered or reported. */
  moveOn(stream: StreamInfo, info: ConsumerInfo, last: Baseline): void {
    const useful = this.#all.filter(({ position, reported }) => {
      const delivered = info.delivered.consumer_seq - position.deliveries
      return position.unread - delivered - reported > 0 && stream.state.first_seq <= position.lastSeq
    })
    this.#all = [...thinned(useful), last]
  }
}

/** The oldest, which proves most, and the newest of the others. */
function thinned(baselines: readonly Baseline[]): readonly Baseline[] {
  if (baselines.length < MAX_BASELINES) return baselines
  return [...baselines.slice(0, 1), ...baselines.slice(baselines.length - MAX_BASELINES + 2)]
}
