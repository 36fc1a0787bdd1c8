import { setTimeout as sleep } from 'node:timers/promises'
import { JetStreamApiError, type JetStreamManager, jetstreamManager, type StoredMsg } from '@nats-io/jetstream'
import { EncodedHeaders, HeaderName, headerLine, ScheduleHeader } from '../codec/headers.ts'
import type { SizedText } from '../codec/sized-text.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import type { StoredSender } from '../publish/stored-sender.ts'
import { unanswered } from '../streams/unanswered.ts'
import type { SchedulePlace } from './schedule-place.ts'
import { schedulesOfId, scheduleSubject } from './schedule-subjects.ts'

const TIMEOUT_MS = 5_000
const FIRST_WAIT_MS = 50
const MAX_WAIT_MS = 1_000

/** Which of the messages that were scheduled under one id. */
export interface Revision {
  readonly id: string
  readonly generation: string
  /** Counts replacements, and the cancellation. */
  readonly number: number
}

/** What the stream holds under an id: a schedule, or that it was cancelled. */
export interface StoredSchedule extends Revision {
  readonly seq: number
  readonly isCancelled: boolean
  readonly when: string
  readonly body: string
}

/** The schedules of one channel as its stream holds them. */
export class ScheduleStore {
  readonly place: SchedulePlace
  readonly #connection: Connection
  readonly #sender: StoredSender
  #manager: JetStreamManager | undefined

  constructor(connection: Connection, place: SchedulePlace, sender: StoredSender) {
    this.place = place
    this.#connection = connection
    this.#sender = sender
  }

  /**
   * Stores `revision` where the last that the stream has of its id is the message `lastSeq`, 0 for none; `ends` goes with
   * it, in the same step.
   *
   * @returns whether it did.
   * @throws KitError as `StoredSender.send`.
   */
  async put(
    revision: Revision,
    { lines, body, lastSeq, ends }: { lines: string; body: SizedText; lastSeq: number; ends?: Revision | undefined },
    budgetMs: number,
  ): Promise<boolean> {
    const { schedules, stream, channel } = this.place
    const subject = this.#subjectOf(revision)
    const headers =
      // Another attempt of the same is a duplicate, and no other schedule.
      headerLine(HeaderName.MessageId, `${revision.generation}.${revision.number}`) +
      headerLine(HeaderName.ExpectedStream, schedules) +
      headerLine(HeaderName.ExpectedLastSubjectSequence, lastSeq) +
      headerLine(HeaderName.ExpectedLastSubjectSequenceSubject, schedulesOfId(stream, channel.name, revision.id)) +
      (ends
        ? headerLine(ScheduleHeader.Scheduler, this.#subjectOf(ends)) + headerLine(ScheduleHeader.Next, 'purge')
        : '') +
      lines
    try {
      await this.#sender.send(subject, new EncodedHeaders(headers), body, budgetMs)
      return true
    } catch (error) {
      if (KitError.is(error) && error.brokerCode === JetStreamCode.WrongLastSequence) return false
      throw error
    }
  }

  /** The last of an id, from the stream's leader. @throws KitError `permission_denied`, `broker_unavailable`. */
  async last(id: string, budgetMs: number): Promise<StoredSchedule | undefined> {
    const { stream, channel } = this.place
    const stored = await this.#lastOn(schedulesOfId(stream, channel.name, id), budgetMs)
    return stored && readSchedule(stored)
  }

  /** Whether the schedule that a due message came from was replaced or cancelled. @throws as `last`. */
  async isOver({ id, generation, number }: Revision, budgetMs: number): Promise<boolean> {
    const { stream, channel } = this.place
    const stored = await this.#lastOn(scheduleSubject(stream, channel.name, id, generation, '*'), budgetMs)
    return stored !== undefined && (readRevision(stored.subject)?.number ?? 0) > number
  }

  #subjectOf({ id, generation, number }: Revision): string {
    return scheduleSubject(this.place.stream, this.place.channel.name, id, generation, number)
  }

  async #lastOn(subject: string, budgetMs: number): Promise<StoredMsg | undefined> {
    const endsAt = performance.now() + budgetMs
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(MAX_WAIT_MS, 2 * waitMs)) {
      try {
        const manager = await this.#opened()
        return (await manager.streams.getMessage(this.place.schedules, { last_by_subj: subject })) ?? undefined
      } catch (error) {
        if (error instanceof JetStreamApiError && error.code === JetStreamCode.MessageNotFound) return undefined
        const failure = unanswered(`stream ${this.place.schedules} cannot be read`, error)
        const isOver = performance.now() + waitMs > endsAt || this.#connection.state === 'closed'
        if (failure.code === KitErrorCode.PermissionDenied || isOver) throw failure
      }
      await sleep(waitMs)
    }
  }

  async #opened(): Promise<JetStreamManager> {
    return (this.#manager ??= await jetstreamManager(this.#connection.client, { checkAPI: false, timeout: TIMEOUT_MS }))
  }
}

/** Undefined for a subject that is none of a schedule. */
export function readRevision(subject: string): Revision | undefined {
  const [kind, , , id, generation, number, ...rest] = subject.split('.')
  if (kind !== 'schedule' || rest.length > 0 || !id || !generation || !/^\d+$/.test(number ?? '')) return undefined
  return { id, generation, number: Number(number) }
}

function readSchedule(stored: StoredMsg): StoredSchedule | undefined {
  const revision = readRevision(stored.subject)
  return (
    revision && {
      ...revision,
      seq: stored.seq,
      isCancelled: stored.header?.get(ScheduleHeader.Cancelled) !== '',
      when: stored.header?.get(ScheduleHeader.When) ?? '',
      body: stored.string(),
    }
  )
}
