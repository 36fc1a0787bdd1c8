import type { StreamInfo } from '@nats-io/jetstream'
import { incarnationOf } from '../streams/incarnation.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import type { SubscriberSettings } from './options.ts'
import type { StartAt } from './start-at.ts'

/** How far a consumer had got, and in which incarnation of its stream: where it goes on when it has to be recreated. */
export class ConsumerProgress {
  readonly #settings: SubscriberSettings
  readonly #spec: ConsumerSpec
  #seen: { readonly settledUpTo: number; readonly incarnation: string } | undefined

  constructor(settings: SubscriberSettings, spec: ConsumerSpec) {
    this.#settings = settings
    this.#spec = spec
  }

  remember(settledUpTo: number, incarnation: string | undefined): void {
    if (incarnation !== undefined) this.#seen = { settledUpTo, incarnation }
  }

  /** Up to where this process saw everything settled; undefined where it has not seen the consumer on that stream. */
  settledUpTo(incarnation: string): number | undefined {
    return this.#seen?.incarnation === incarnation ? this.#seen.settledUpTo : undefined
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
