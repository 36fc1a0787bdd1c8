import type { Connection } from '../connection/connection.ts'
import { droppedUnseen, type Finding, leftUnseen, type Missed, type Position } from './missed-messages.ts'

/**
 * Why the stream is looked at. After a `start` and a `freeze` much may have happened unseen; in a `pause` nothing is
 * delivered, so what arrives and leaves between two looks is seen by no delivery either.
 */
export type LookReason = 'start' | 'freeze' | 'pause' | 'run'

interface DoubtsOf {
  readonly stream: string
  readonly consumer: string
  readonly channel: string
  readonly noteEveryMs: number
}

/** What left the stream while a consumer could not see it, and may have been its own: said for as long as it goes on. */
export class Doubts {
  readonly #connection: Connection
  readonly #of: DoubtsOf
  #doubt: Omit<Missed, 'atLeast'> | undefined
  #saidAt = Number.NEGATIVE_INFINITY

  constructor(connection: Connection, of: DoubtsOf) {
    this.#connection = connection
    this.#of = of
  }

  /** Collects what may have been missed since the position before; while it goes on, it is said every `noteEveryMs`. */
  consider(before: Position, finding: Finding, reason: LookReason): void {
    // A consumer that has room is delivered what arrives at once: what it was not delivered was not its own.
    const behind = before.unread > 0 || finding.consumer.unread > 0
    const unseen = reason !== 'run' ? leftUnseen(before, finding) : behind ? droppedUnseen(before, finding) : undefined
    if (unseen) {
      const { from = unseen.from, atMost = 0 } = this.#doubt ?? {}
      this.#doubt = { from, to: unseen.to, atMost: atMost + unseen.atMost }
    }
    const goesOn = reason === 'pause' || (reason === 'run' && behind)
    const now = performance.now()
    if (!this.#doubt || (goesOn && now - this.#saidAt < this.#of.noteEveryMs)) return
    const { stream, consumer, channel } = this.#of
    const detail = { stream, consumer, channel, ...this.#doubt }
    this.#doubt = undefined
    this.#saidAt = now
    this.#connection.logger.warn(
      { event: 'messagesMayBeMissed', ...detail },
      'messages left the stream while this consumer could not see them; some may have been its own',
    )
    this.#connection.events.emit('messagesMayBeMissed', detail)
  }
}
