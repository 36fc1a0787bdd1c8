import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { DirectBatches } from '../reading/direct-batches.ts'
import type { SchedulePlace } from './schedule-place.ts'
import { schedulesOfChannel } from './schedule-subjects.ts'

/** A count is good for this long; what this instance adds meanwhile is added to it. */
const COUNTED_MS = 1_000
const RETRY_MS = 100

/** Holds a channel to the number of messages that may wait: the server would drop the oldest to make room. */
export class ScheduleRoom {
  readonly #place: SchedulePlace
  readonly #batches: DirectBatches
  #counting: Promise<number> | undefined
  #waiting = 0
  #countedAt = Number.NEGATIVE_INFINITY

  constructor(connection: Connection, place: SchedulePlace) {
    this.#place = place
    this.#batches = new DirectBatches(connection, place.schedules)
  }

  /** @throws KitError `schedules_full`, `permission_denied`, `broker_unavailable`. */
  async take(budgetMs: number): Promise<void> {
    if (performance.now() - this.#countedAt > COUNTED_MS) {
      this.#counting ??= this.#count(budgetMs).finally(() => (this.#counting = undefined))
      await this.#counting
    }
    const { channel, schedules, maxWaiting } = this.#place
    if (this.#waiting >= maxWaiting)
      throw new KitError(
        KitErrorCode.SchedulesFull,
        `${this.#waiting} messages of ${JSON.stringify(channel.name)} wait, and ${schedules} has room for ${maxWaiting}; cancel some, or raise its stream's maxBytes`,
      )
    this.#waiting++
  }

  close(): void {
    this.#batches.close()
  }

  /** One message, with which the server says how many follow. */
  async #count(budgetMs: number): Promise<number> {
    const { stream, channel, schedules } = this.#place
    const request = { batch: 1, max_bytes: 1, seq: 1, next_by_subj: schedulesOfChannel(stream, channel.name) }
    const endsAt = performance.now() + budgetMs
    for (;;) {
      const { outcome, messages, pending } = await this.#batches.next(request)
      if (outcome !== 'lost') {
        this.#waiting = messages.length + pending
        this.#countedAt = performance.now()
        return this.#waiting
      }
      if (performance.now() + RETRY_MS > endsAt)
        throw new KitError(KitErrorCode.BrokerUnavailable, `stream ${schedules} does not say how much waits`)
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
}
