import type { Stream } from '@alarm-bus/contracts'
import { JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { ConditionalRecords, type StoredRecord } from '../once/conditional-records.ts'
import { deadLetterStreamName } from '../streams/companion-streams.ts'
import { unanswered } from '../streams/unanswered.ts'
import { incarnationOf } from '../streams/incarnation.ts'
import { onceStreamName } from '../streams/once-bucket.ts'
import { BusLooks, type WatchLook } from './look-at-bus.ts'
import { type DeadLetterNotice, readFromCursor } from './read-dead-letters.ts'
import { WATCH_CONSUMER, watchRecordSubject } from './watch-consumer.ts'
import { takeLease, type WatchLease } from './watch-lease.ts'

/** Letters of one request. */
const BATCH = 500
const REQUEST_TIMEOUT_MS = 5_000
/** How long one record is tried to be stored. */
const RECORD_BUDGET_MS = 5_000
const FREE_TTL_SECONDS = 1
const LEASE_KEY = 'lease'
/** Before the keys of records: whatever else is kept under the watch's name is none. */
const RECORDS = 'state.'

/** Up to which letter a watch has read. A stream that was made again counts from 1. */
export interface WatchPosition {
  /** Of the stream of dead letters; it outlasts a migration. */
  readonly incarnation: string
  readonly seq: number
}

export interface DeadLettersRead {
  readonly notices: readonly DeadLetterNotice[]
  /** To be kept, and given with the next call. */
  readonly position: WatchPosition
  /** Whether there are more to be read at once. */
  readonly more: boolean
}

export interface StreamWatchOptions {
  readonly stream: Stream
  /** How long the lease of an instance that died stands, in milliseconds from 3,000. Default 15,000. */
  readonly leaseMs?: number
}

/**
 * One stream with what is beside it, as an app sees it that declares `watchesBus`. It disturbs nothing: no message is read,
 * removed or acknowledged, and no consumer of an app's is touched. What it shows of dead letters are their header lines.
 *
 * Dead letters come in the order in which they were stored, each as often as it is asked for: the reader's position is
 * the reader's own to keep, in `records` for instance. Instances of an app share the cursor, so one at a time reads: the
 * one that `lead` gave the lease.
 *
 * All methods throw KitError `stream_missing`, `permission_denied` or `broker_unavailable`.
 */
export interface StreamWatch {
  readonly stream: string
  /** @returns the lease, undefined while another instance has it, and without a connection. */
  lead(): Promise<WatchLease | undefined>
  /** The next dead letters after a position, 500 at most; without one from the oldest that is kept. Does not wait. */
  deadLetters(after: WatchPosition | undefined): Promise<DeadLettersRead>
  /** How consumers and streams stand, and what was missed since the look before. About ten requests. */
  look(): Promise<WatchLook>
  /** All records of this app's watch of the stream, by key. One that was just removed may be there for a second, empty. */
  records(): Promise<ReadonlyMap<string, StoredRecord>>
  /**
   * Writes a record, of 1,000 bytes at most, or with `undefined` removes it, if it is as it was at the sequence `lastSeq`.
   *
   * @returns its sequence, undefined where another instance has written it since.
   */
  putRecord(key: string, value: string | undefined, lastSeq: number): Promise<number | undefined>
  close(): Promise<void>
}

/** @throws KitError `invalid_options`. */
export function createStreamWatch(connection: Connection, options: StreamWatchOptions): StreamWatch {
  const { stream, leaseMs = 15_000 } = options
  const letters = deadLetterStreamName(stream.name)
  const records = new ConditionalRecords(connection, { maxInFlight: 64, budgetMs: RECORD_BUDGET_MS })
  const looks = new BusLooks(stream)
  const subjectOf = (key: string): string => watchRecordSubject(stream.name, connection.name, key)
  const recordOf = (key: string): string => subjectOf(`${RECORDS}${key}`)
  let manager: Promise<JetStreamManager> | undefined
  const ask = async <T>(what: string, request: (of: JetStreamManager) => Promise<T>): Promise<T> => {
    try {
      manager ??= jetstreamManager(connection.client, { checkAPI: false, timeout: REQUEST_TIMEOUT_MS })
      return await request(await manager)
    } catch (error) {
      const gone: readonly number[] = [JetStreamCode.ConsumerNotFound, JetStreamCode.StreamNotFound]
      if (error instanceof JetStreamApiError && gone.includes(error.code))
        throw new KitError(KitErrorCode.StreamMissing, `${what}: ${error.message}; run: pnpm ops apply`, {
          cause: error,
        })
      throw KitError.is(error) ? error : unanswered(what, error)
    }
  }
  return {
    stream: stream.name,
    lead: async () =>
      connection.state !== 'connected'
        ? undefined
        : takeLease(records, { stream: stream.name, subject: subjectOf(LEASE_KEY), ttlMs: leaseMs }),
    deadLetters: (after) =>
      ask(`the dead letters of ${stream.name} cannot be watched`, async (of) => {
        const info = await of.streams.info(letters)
        const { state } = info
        const incarnation = incarnationOf(info)
        const from = after?.incarnation === incarnation ? after.seq : 0
        const end = { incarnation, seq: Math.max(from, state.last_seq) }
        if (state.last_seq <= from) return { notices: [], position: end, more: false }
        // Not past the end, behind which the cursor would miss what is stored next.
        const waiting = await setCursor(of, letters, from + 1)
        if (waiting === 0) return { notices: [], position: end, more: false }
        const cursor = { stream: letters, consumer: WATCH_CONSUMER, after: from, waiting }
        const notices = await readFromCursor(connection, cursor, BATCH)
        // Another reader has moved the cursor, or an answer was lost: once more from here.
        if (!notices) return { notices: [], position: { incarnation, seq: from }, more: true }
        // Fewer than there were: the answer was cut, or some were removed meanwhile. The next call tells.
        const more = notices.length === BATCH || notices.length < waiting
        const seq = notices.at(-1)?.seq ?? from
        return { notices, position: { incarnation, seq: more ? seq : Math.max(seq, end.seq) }, more }
      }),
    look: () => ask(`${stream.name} cannot be looked at`, (of) => looks.look(of)),
    records: () =>
      ask(`the records of ${stream.name}'s watch cannot be read`, async (of) => {
        const subjects_filter = recordOf('*')
        const { state } = await of.streams.info(onceStreamName(stream.name), { subjects_filter })
        const found = new Map<string, StoredRecord>()
        for (const subject of Object.keys(state.subjects ?? {})) {
          const record = await records.read(stream.name, subject)
          if (record.value !== undefined) found.set(subject.slice(recordOf('').length), record)
        }
        return found
      }),
    putRecord: (key, value, lastSeq) =>
      value === undefined
        ? records.put(recordOf(key), '', lastSeq, FREE_TTL_SECONDS)
        : records.put(recordOf(key), value, lastSeq),
    close: () => records.close(),
  }
}

/** @returns how many letters there are from `seq` on. */
async function setCursor(manager: JetStreamManager, stream: string, seq: number): Promise<number> {
  try {
    return (await manager.consumers.reset(stream, WATCH_CONSUMER, seq)).num_pending
  } catch (error) {
    // To reset a consumer that is not there has no answer.
    await manager.consumers.info(stream, WATCH_CONSUMER)
    throw error
  }
}
