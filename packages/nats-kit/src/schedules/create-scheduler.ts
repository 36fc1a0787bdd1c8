import type { App, Channel, Contracts, MessageInputOf } from '@alarm-bus/contracts'
import { nuid } from '@nats-io/transport-node'
import { checkedTimeoutMs } from '../checked-options.ts'
import { headerLine, HeaderName, ScheduleHeader } from '../codec/headers.ts'
import { encodeJson } from '../codec/json-codec.ts'
import type { SizedText } from '../codec/sized-text.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { freshMessageId } from '../publish/message-id.ts'
import { type RouteOf, sharedHeaderLines } from '../publish/message-route.ts'
import { closedError } from '../publish/send-errors.ts'
import type { StoredSenderOptions } from '../publish/stored-ack.ts'
import { StoredSender } from '../publish/stored-sender.ts'
import { listSchedules } from './list-schedules.ts'
import { placeOf, type SchedulePlace } from './schedule-place.ts'
import { ScheduleRoom } from './schedule-room.ts'
import { type Revision, ScheduleStore, type StoredSchedule } from './schedule-store.ts'
import { dueSubject } from './schedule-subjects.ts'
import type { ScheduleOptions, Scheduler } from './scheduler.ts'
import {
  invalidCron,
  type ScheduleWhen,
  type ServerSchedule,
  toServerSchedule,
  unknownTimeZone,
} from './schedule-when.ts'

const ID = /^[A-Za-z0-9_:@+=-]{1,100}$/
/**
 * How long it is remembered that a schedule was cancelled: longer than what fell due in that moment takes to be looked at, an
 * election included. It takes the room of a schedule meanwhile.
 */
const CANCELLED_SECONDS = 60
/** Times that another writer may be first. */
const MAX_ROUNDS = 8
const NOTHING: SizedText = { text: '', byteLength: 0 }

export interface SchedulerContext extends StoredSenderOptions {
  readonly contracts: Contracts
  readonly app: App | undefined
  readonly routeOf: RouteOf
  readonly places: ReadonlyMap<Channel, SchedulePlace>
}

/** @throws KitError `invalid_options`. */
export function createScheduler(
  connection: Connection,
  context: SchedulerContext,
): Scheduler & { readonly storeOf: (place: SchedulePlace) => ScheduleStore; close(): Promise<void> } {
  const { places, routeOf } = context
  const sender = new StoredSender(connection, context)
  const stores = new Map([...places.values()].map((place) => [place, new ScheduleStore(connection, place, sender)]))
  const rooms = new Map([...places.values()].map((place) => [place, new ScheduleRoom(connection, place)]))
  let closed = false

  const begin = (channel: Channel, options: Pick<ScheduleOptions, 'timeoutMs'> | undefined) => {
    if (closed) throw closedError()
    const place = placeOf(places, channel, context)
    const timeoutMs = options?.timeoutMs
    const budgetMs = timeoutMs === undefined ? sender.budgetMs : Math.min(checkedTimeoutMs(timeoutMs), sender.budgetMs)
    const endsAt = performance.now() + budgetMs
    return {
      place,
      store: stores.get(place) as ScheduleStore,
      room: rooms.get(place) as ScheduleRoom,
      leftMs: () => Math.max(1, endsAt - performance.now()),
    }
  }

  const encode = <C extends Channel>(
    channel: C,
    message: MessageInputOf<C>,
    when: ScheduleWhen,
    options?: ScheduleOptions,
  ) => {
    const planned = toServerSchedule(when)
    const body = encodeJson(channel, message)
    const shared = sharedHeaderLines(routeOf(channel), options?.headers && { headers: options.headers })
    return { planned, body, shared }
  }

  const put = async (
    store: ScheduleStore,
    revision: Revision,
    { planned, body, shared }: ReturnType<typeof encode>,
    lastSeq: number,
    ends: Revision | undefined,
    budgetMs: number,
  ): Promise<boolean> => {
    const { stream, channel } = store.place
    const lines =
      headerLine(ScheduleHeader.Schedule, planned.pattern) +
      (planned.timeZone === undefined ? '' : headerLine(ScheduleHeader.TimeZone, planned.timeZone)) +
      headerLine(ScheduleHeader.Target, dueSubject(stream, channel.name, revision.id, revision.generation)) +
      headerLine(ScheduleHeader.Id, revision.id) +
      headerLine(ScheduleHeader.When, planned.text) +
      shared
    try {
      return await store.put(revision, { lines, body, lastSeq, ends }, budgetMs)
    } catch (error) {
      throw refused(error, planned)
    }
  }

  return {
    storeOf: (place) => stores.get(place) as ScheduleStore,
    async schedule(channel, message, when, options) {
      const { store, room, leftMs } = begin(channel, options)
      const id = scheduleIdOf(options?.id ?? freshMessageId())
      const encoded = encode(channel, message, when, options)
      await room.take(leftMs())
      let last: StoredSchedule | undefined
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const revision = { id, generation: nuid.next(), number: 0 }
        if (await put(store, revision, encoded, last?.seq ?? 0, undefined, leftMs()))
          return { id, at: encoded.planned.at, duplicate: false }
        last = await store.last(id, leftMs())
        if (last === undefined || last.isCancelled) continue
        if (last.when === encoded.planned.text && last.body === encoded.body.text)
          return { id, at: encoded.planned.at, duplicate: true }
        throw new KitError(
          KitErrorCode.ScheduleExists,
          `another message of ${JSON.stringify(channel.name)} waits as ${JSON.stringify(id)}; replace or cancel it, or use another id`,
        )
      }
      throw unsettled(id)
    },
    async replace(channel, message, when, options) {
      const { store, leftMs } = begin(channel, options)
      const id = scheduleIdOf(options.id)
      const encoded = encode(channel, message, when, options)
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const last = await store.last(id, leftMs())
        if (last === undefined || last.isCancelled)
          throw new KitError(
            KitErrorCode.ScheduleNotFound,
            `no message of ${JSON.stringify(channel.name)} waits as ${JSON.stringify(id)}; it was never scheduled, cancelled, or delivered`,
          )
        const next = { ...last, number: last.number + 1 }
        if (await put(store, next, encoded, last.seq, last, leftMs()))
          return { id, at: encoded.planned.at, duplicate: false }
      }
      throw unsettled(id)
    },
    async cancel(channel, id, options) {
      const { store, leftMs } = begin(channel, options)
      scheduleIdOf(id)
      const lines = headerLine(ScheduleHeader.Cancelled, 'yes') + headerLine(HeaderName.Ttl, `${CANCELLED_SECONDS}s`)
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const last = await store.last(id, leftMs())
        if (last === undefined || last.isCancelled) return false
        const next = { ...last, number: last.number + 1 }
        if (await store.put(next, { lines, body: NOTHING, lastSeq: last.seq, ends: last }, leftMs())) return true
      }
      throw unsettled(id)
    },
    async *schedules(channel) {
      const { place } = begin(channel, undefined)
      yield* listSchedules(connection, place, channel)
    },
    async close() {
      closed = true
      for (const room of rooms.values()) room.close()
      await sender.close()
    },
  }
}

/** @throws KitError `invalid_schedule`. */
function scheduleIdOf(id: string): string {
  if (typeof id === 'string' && ID.test(id)) return id
  throw new KitError(
    KitErrorCode.InvalidSchedule,
    'the id of a schedule has 1 to 100 characters: letters, digits, "_", "-", ":", "@", "+" and "="',
  )
}

function unsettled(id: string): KitError {
  return new KitError(
    KitErrorCode.BrokerUnavailable,
    `schedule ${JSON.stringify(id)} is written by others at this moment; try again`,
  )
}

/** What the server says of a schedule that it cannot read, in the caller's words. */
function refused(error: unknown, { pattern, timeZone }: ServerSchedule): unknown {
  if (!KitError.is(error)) return error
  if (error.brokerCode === JetStreamCode.SchedulePatternInvalid) return invalidCron(pattern)
  if (error.brokerCode === JetStreamCode.ScheduleTimeZoneInvalid) return unknownTimeZone(timeZone ?? '')
  if (error.brokerCode === JetStreamCode.SchedulesDisabled)
    return new KitError(KitErrorCode.SchedulesDisabled, 'the stream has no schedules; run `pnpm ops apply`')
  return error
}
