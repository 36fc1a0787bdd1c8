import type { Channel, MessageInputOf } from '@alarm-bus/contracts'
import type { ScheduleWhen } from './schedule-when.ts'

export interface ScheduleOptions {
  /**
   * The schedule's id, 1 to 100 of `A-Z a-z 0-9 _ - : @ + =`. A message that is delivered once has it as its message id. Default:
   * a fresh UUID.
   */
  readonly id?: string
  /** All attempts together, in milliseconds above 0; only to shorten the publisher's own budget. */
  readonly timeoutMs?: number
  /** Further headers of the message; names of the broker's and the kit's are refused. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface ScheduleReceipt {
  readonly id: string
  /** When it is delivered; undefined for one that is delivered again and again. */
  readonly at: Date | undefined
  /** The same message waited under this id already, for the same time. */
  readonly duplicate: boolean
}

/** A message that waits for its time. */
export interface WaitingMessage<C extends Channel = Channel> {
  readonly id: string
  readonly channel: C
  readonly when: ScheduleWhen
  /** Of one that is delivered once. */
  readonly at: Date | undefined
  readonly scheduledAt: Date
  /** As it was scheduled; what the channel's schema is now is checked when it is delivered. */
  readonly message: unknown
}

/** Messages that are delivered later, or again and again. */
export interface Scheduler {
  /**
   * Has a message delivered later, or again and again. It is checked against its channel now. A receipt means that the broker has it
   * and delivers it: at its time or up to a second after, later where no instance of this app runs then or the broker is away.
   *
   * Delivered at least once, as every message. What is delivered once has the schedule's id as message id, which the stream
   * holds to one message within its duplicate window; each delivery of the others has `<id>@<time>`.
   *
   * Rejects with KitError `schedules_disabled`, `invalid_schedule`, `schedule_in_past`, `invalid_interval`, `invalid_cron`,
   * `unknown_time_zone`; `schedule_exists` where another message, or another time, waits under the id; `schedules_full`;
   * and what `publish` rejects with.
   */
  schedule<C extends Channel>(
    channel: C,
    message: MessageInputOf<C>,
    when: ScheduleWhen,
    options?: ScheduleOptions,
  ): Promise<ScheduleReceipt>
  /**
   * Puts another message and another time in place of what waits under the id: one of the two is delivered, never both.
   *
   * Rejects as `schedule`, and with `schedule_not_found` where nothing waits under the id any more.
   */
  replace<C extends Channel>(
    channel: C,
    message: MessageInputOf<C>,
    when: ScheduleWhen,
    options: ScheduleOptions & { readonly id: string },
  ): Promise<ScheduleReceipt>
  /**
   * Resolves with true when what waited under the id will not be delivered, or not again; with false where nothing waited:
   * never scheduled, cancelled before, or delivered. Rejects as `replace`, but for the last.
   */
  cancel(channel: Channel, id: string, options?: Pick<ScheduleOptions, 'timeoutMs'>): Promise<boolean>
  /** What waits, in the order it was scheduled in. Fetched 256 at a time. Throws KitError as `schedule` rejects. */
  schedules<C extends Channel>(channel: C): AsyncIterable<WaitingMessage<C>>
}
