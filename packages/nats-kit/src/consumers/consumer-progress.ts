import type { StartFrom } from './consumer-config.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import type { SubscriberSettings } from './options.ts'

/** How far a consumer had got, and in which incarnation of its stream: where it goes on when it has to be made anew. */
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

  /**
   * Where a consumer that has to be made begins. One that this process has seen goes on after what was settled then,
   * in the same stream; a stream made anew counts from 1 again, so there it begins at the beginning.
   */
  startFrom(incarnation: string | undefined): StartFrom {
    // What was settled has left a work queue, and the server lets its readers begin nowhere else.
    if (this.#spec.workQueue) return 'all'
    const seen = this.#seen
    if (seen && seen.incarnation === incarnation) return { sequence: seen.settledUpTo + 1 }
    if (seen) return 'all'
    return this.#settings.lifetime === 'ephemeral' ? 'new' : 'all'
  }
}
