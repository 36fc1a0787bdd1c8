import type { WatchedConsumer, WatchLook } from '@alarm-bus/nats-kit'
import { isOwn } from './own-sinks.ts'
import type { TroubleOf } from './trouble.ts'

/** Nearly full, and no longer so: apart, so that a stream about the limit is not told again and again. */
const FULL = 0.8
const FULL_NO_LONGER = 0.7

export interface State {
  readonly of: TroubleOf
  readonly count: number
  /** In milliseconds of the Unix epoch. */
  readonly since: number
}

interface Progress {
  readonly settled: number
  readonly at: number
}

/** Tells from looks at one stream what is so for a while: consumers that stand still, streams that are nearly full. */
export class States {
  readonly #stream: string
  readonly #stalledAfterMs: number
  #progress = new Map<string, Progress>()

  /** @param stalledAfterMs messages wait and none is settled for so long; twice as long while deliveries are without an ack. */
  constructor(stream: string, stalledAfterMs: number) {
    this.#stream = stream
    this.#stalledAfterMs = stalledAfterMs
  }

  /**
   * @param known whether a state was so before.
   * @returns what is so; `own` are consumers of this app's, which no sink can tell of.
   */
  of(
    { consumers, streams }: WatchLook,
    now: number,
    known: (of: TroubleOf) => boolean,
  ): { readonly states: readonly State[]; readonly own: readonly State[] } {
    const stalled = this.#stalled(consumers, now)
    const full = streams.flatMap(({ stream, fill, refuses, messages }): readonly State[] => {
      const of = { kind: 'full', stream, consumer: '', reason: refuses ? 'refuses' : 'drops' } as const
      // One that drops its oldest is full in good health, unless what it drops is unread.
      const unread = Math.max(0, ...consumers.filter((one) => one.stream === stream).map(({ waiting }) => waiting))
      const isMeant = refuses || unread >= FULL_NO_LONGER * messages
      const isFull = fill >= (known(of) ? FULL_NO_LONGER : FULL)
      return isMeant && isFull ? [{ of, count: Math.floor(fill * 100), since: now }] : []
    })
    const isOwnState = ({ of }: State): boolean => isOwn(of.consumer)
    return { states: [...stalled.filter((one) => !isOwnState(one)), ...full], own: stalled.filter(isOwnState) }
  }

  #stalled(consumers: readonly WatchedConsumer[], now: number): readonly State[] {
    const progress = new Map<string, Progress>()
    const states = consumers.flatMap(({ stream, consumer, waiting, open, settled, paused }): readonly State[] => {
      const key = `${stream}/${consumer}`
      const last = this.#progress.get(key)
      const isSame = last !== undefined && last.settled === settled && waiting > 0 && last.at <= now
      const { at } = isSame ? last : { at: now }
      progress.set(key, { settled, at })
      // A handler may take its time, and its delivery is open meanwhile.
      if (waiting === 0 || now - at < this.#stalledAfterMs * (open > 0 ? 2 : 1)) return []
      const of = { kind: 'stalled', stream, consumer, reason: paused ? 'paused' : '' } as const
      return [{ of, count: waiting, since: at }]
    })
    this.#progress = progress
    return states
  }

  get stream(): string {
    return this.#stream
  }
}
