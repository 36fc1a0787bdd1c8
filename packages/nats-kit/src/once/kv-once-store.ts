import { nuid } from '@nats-io/transport-node'
import { wholeMs } from '../checked-options.ts'
import type { Connection } from '../connection/connection.ts'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import { onceSubject } from '../streams/once-bucket.ts'
import { ConditionalRecords } from './conditional-records.ts'
import type { OnceClaim, OnceKey, OnceStore } from './once-store.ts'

const DONE = 'done'
const FREE = 'free'
/** The shortest time to live that the server knows. */
const FREE_TTL_SECONDS = 1

interface Stored {
  readonly value: string
  readonly seq: number
  readonly at: Date
}

export interface KvOnceStoreOptions {
  /** How long the claim of a process that died stands, in milliseconds from 3,000. Renewed while the handler runs. Default 30,000. */
  readonly leaseMs?: number
  /** Messages that are claimed or recorded at once. Default 1,024. */
  readonly maxInFlight?: number
  /** How long one claim or record is tried to be stored, in milliseconds. Default 15,000. */
  readonly budgetMs?: number
}

/** @throws KitError `invalid_options`. */
export function checkedLeaseMs({ leaseMs = 30_000 }: KvOnceStoreOptions): number {
  return wholeMs('leaseMs', leaseMs, 3_000)
}

/**
 * A store in the stream's KV bucket, which `ensureStreams` makes: shared by all instances, and by all apps, each with
 * keys of its own. Written through the kit's own sender, which knows how to outlast a lost connection.
 *
 * What the app's user needs for each consumer is in `onceSubjects`, and nothing of the bucket's administration. An app
 * that declares `onceOnly: true` has it from `pnpm ops permissions`.
 *
 * @throws KitError `invalid_options`.
 */
export function createKvOnceStore(connection: Connection, options: KvOnceStoreOptions = {}): OnceStore {
  const leaseMs = checkedLeaseMs(options)
  const { maxInFlight = 1_024, budgetMs = 15_000 } = options
  const records = new ConditionalRecords(connection, { maxInFlight, budgetMs })
  const renewals = new Set<NodeJS.Timeout>()
  const leaseSeconds = Math.ceil(leaseMs / 1_000)

  /** What is on the subject; what expired is free. */
  const read = async (stream: string, subject: string): Promise<Stored> => {
    const { value = FREE, seq, at } = await records.read(stream, subject)
    return { value, seq, at }
  }

  /** The claim at that sequence: renewed until it is given up. One write at a time, since each names the one before. */
  const hold = (key: OnceKey, subject: string, value: string, claimedAt: number): OnceClaim => {
    let seq: number | undefined = claimedAt
    let last: Promise<unknown> = Promise.resolve()
    const write = (next: string, ttlSeconds?: number): Promise<void> => {
      const written = last.then(async () => {
        if (seq !== undefined) seq = await records.put(subject, next, seq, ttlSeconds)
      })
      last = written.catch(() => undefined)
      return written
    }
    const renewal = setInterval(() => {
      write(value, leaseSeconds).catch((error: unknown) => {
        connection.logger.warn(
          { event: 'onceNotRenewed', ...key, error: errorText(error) },
          'claim on a message cannot be renewed',
        )
      })
    }, leaseMs / 3)
    renewal.unref()
    renewals.add(renewal)
    const giveUp = (): void => {
      clearInterval(renewal)
      renewals.delete(renewal)
    }
    return {
      async done() {
        giveUp()
        await write(DONE)
        if (seq === undefined)
          throw new KitError(KitErrorCode.Unexpected, 'the claim had ended; another delivery may have been handled too')
      },
      async release() {
        giveUp()
        await write(FREE, FREE_TTL_SECONDS)
      },
    }
  }

  return {
    async claim(key) {
      const subject = onceSubject(key)
      const value = `running ${nuid.next()}`
      const first = await records.put(subject, value, 0, leaseSeconds)
      if (first !== undefined) return hold(key, subject, value, first)
      const held = await read(key.stream, subject)
      if (held.value === DONE) return 'done'
      if (held.value !== FREE) return 'running'
      const seq = await records.put(subject, value, held.seq, leaseSeconds)
      return seq === undefined ? 'running' : hold(key, subject, value, seq)
    },
    async look(key) {
      const { value, at } = await read(key.stream, onceSubject(key))
      return value === FREE ? undefined : { state: value === DONE ? 'done' : 'running', at }
    },
    async close() {
      for (const renewal of renewals) clearInterval(renewal)
      await records.close()
    },
  }
}
