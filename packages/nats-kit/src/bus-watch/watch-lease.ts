import { setTimeout as sleep } from 'node:timers/promises'
import { nuid } from '@nats-io/transport-node'
import type { ConditionalRecords } from '../once/conditional-records.ts'

const FREE = 'free'
/** The shortest time to live that the server knows. */
const FREE_TTL_SECONDS = 1

/** The right to be the one instance of an app that watches. */
export interface WatchLease {
  /** Aborts when it is lost: it could not be renewed in time, or another instance has it. */
  readonly lost: AbortSignal
  /** Gives it up, so that another instance need not wait for its end. Never rejects. */
  release(): Promise<void>
}

export interface LeaseOptions {
  readonly stream: string
  readonly subject: string
  /** How long it stands when its holder died, in milliseconds. Renewed at thirds of it. */
  readonly ttlMs: number
}

/** @returns the lease, undefined while another instance has it. @throws KitError as the records do. */
export async function takeLease(
  records: ConditionalRecords,
  { stream, subject, ttlMs }: LeaseOptions,
): Promise<WatchLease | undefined> {
  const owner = nuid.next()
  const ttlSeconds = Math.ceil(ttlMs / 1_000)
  const held = await records.read(stream, subject)
  if (held.value !== undefined && held.value !== FREE) return undefined
  let askedAt = performance.now()
  let seq = await records.put(subject, owner, held.seq, ttlSeconds)
  if (seq === undefined) return undefined
  const lost = new AbortController()
  const ended = new AbortController()
  const renewals = (async () => {
    while (!ended.signal.aborted && seq !== undefined) {
      await sleep(ttlMs / 3, undefined, { signal: ended.signal, ref: false }).catch(() => undefined)
      if (ended.signal.aborted) return
      const now = performance.now()
      try {
        seq = await records.put(subject, owner, seq, ttlSeconds)
        if (seq !== undefined) askedAt = now
      } catch {
        // Tried again until it has ended on the broker.
        if (performance.now() - askedAt >= ttlMs) seq = undefined
      }
    }
    if (seq === undefined) lost.abort(new Error('another instance watches, or the lease could not be renewed'))
  })()
  return {
    lost: lost.signal,
    async release() {
      ended.abort()
      await renewals
      if (seq !== undefined) await records.put(subject, FREE, seq, FREE_TTL_SECONDS).catch(() => undefined)
      lost.abort(new Error('given up'))
    },
  }
}
