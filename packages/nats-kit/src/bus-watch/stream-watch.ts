import type { Stream } from '@alarm-bus/contracts'
import { JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { ConditionalRecords, type StoredRecord } from '../once/conditional-records.ts'
import { unanswered } from '../streams/unanswered.ts'
import { BusLooks, type WatchLook } from './look-at-bus.ts'
import type { DeadLetterNotice } from './read-dead-letters.ts'
import { watchCursors, watchRecordSubject } from './watch-consumer.ts'
import { type CursorPosition, readOn } from './watch-position.ts'
import { takeLease, type WatchLease } from './watch-lease.ts'

const REQUEST_TIMEOUT_MS = 5_000
/** How long one record is tried to be stored. */
const RECORD_BUDGET_MS = 5_000
const LEASE_KEY = 'lease'

/** Up to which letters a watch has read; each stream of letters has its own. JSON can carry it. */
export interface WatchPosition {
  readonly letters?: CursorPosition
  readonly shares?: CursorPosition
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
  /** The next dead letters after a position, 1,000 at most; without one from the oldest that is kept. Does not wait. */
  deadLetters(after: WatchPosition | undefined): Promise<DeadLettersRead>
  /** How consumers and streams stand, and what was missed since the look before. About ten requests. */
  look(): Promise<WatchLook>
  /** A record of this app's watch of the stream. */
  record(key: string): Promise<StoredRecord>
  /**
   * Writes a record, of 1,000 bytes at most, if it is as it was at the sequence `lastSeq`, 0 for one that is not there.
   *
   * @returns its sequence, undefined where another instance has written it since.
   */
  putRecord(key: string, value: string, lastSeq: number): Promise<number | undefined>
  close(): Promise<void>
}

/** @throws KitError `invalid_options`. */
export function createStreamWatch(connection: Connection, options: StreamWatchOptions): StreamWatch {
  const { stream, leaseMs = 15_000 } = options
  const [letters, shares] = watchCursors(stream)
  const records = new ConditionalRecords(connection, { maxInFlight: 64, budgetMs: RECORD_BUDGET_MS })
  const looks = new BusLooks(stream)
  const subjectOf = (key: string): string => watchRecordSubject(stream.name, connection.name, key)
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
        const read = await readOn(connection, of, letters.stream, after?.letters)
        const inShares = await readOn(connection, of, shares.stream, after?.shares)
        return {
          notices: [...read.notices, ...inShares.notices],
          position: { letters: read.position, shares: inShares.position },
          more: read.more || inShares.more,
        }
      }),
    look: () => ask(`${stream.name} cannot be looked at`, (of) => looks.look(connection, of)),
    record: (key) => records.read(stream.name, subjectOf(key)),
    putRecord: (key, value, lastSeq) => records.put(subjectOf(key), value, lastSeq),
    close: () => records.close(),
  }
}
