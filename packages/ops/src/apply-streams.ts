import { setTimeout as sleep } from 'node:timers/promises'
import type { Stream } from '@alarm-bus/contracts'
import {
  type Connection,
  type ConnectionAuth,
  type ConnectionTls,
  ensureStreams,
  type FieldChange,
  KitError,
  KitErrorCode,
  type Logger,
} from '@alarm-bus/nats-kit'
import { connectAdmin } from './connect-admin.ts'
import { planStreams } from './plan-streams.ts'

/** One field of a stream, in the server's own names and units. */
export interface FieldUpdate {
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

/** What was done to one stream, or with `dryRun` would be. `refused`: the server cannot make the change. */
export interface AppliedStream {
  readonly stream: string
  readonly action: 'none' | 'created' | 'updated' | 'refused'
  readonly changes: readonly FieldUpdate[]
}

export interface ApplyStreamsOptions {
  readonly streams: readonly Stream[]
  /** `nats://host:port`, without credentials. */
  readonly servers: readonly string[]
  readonly auth?: ConnectionAuth
  readonly tls?: ConnectionTls
  /** `apply` (default) creates and updates; `create` makes a difference an error. */
  readonly mode?: 'apply' | 'create'
  /** Copies of each stream. Not given: new streams get their declaration's, existing ones keep theirs. */
  readonly replicas?: number
  /** Look, and change nothing. */
  readonly dryRun?: boolean
  /** How long to wait for a broker that is away or not ready, in milliseconds. Default 30,000. */
  readonly waitMs?: number
  /** Told of each stream as soon as it is done, so that a later failure does not hide it. */
  readonly onApplied?: (applied: AppliedStream) => void
  /** Told of attempts to connect, among others. Default: silence. */
  readonly logger?: Logger
}

const RETRY_MS = 500
const CLOSE_TIMEOUT_MS = 2_000

/**
 * Makes the broker's streams the declared ones, each with the kit's own beside it: dead letters, advisories, redrives, claims.
 *
 * @returns one entry a stream, also for those that were right already.
 * @throws KitError `authentication_failed` at once; `broker_unavailable` when `waitMs` is over; else as `ensureStreams`.
 */
export async function applyStreams(options: ApplyStreamsOptions): Promise<readonly AppliedStream[]> {
  const { waitMs = 30_000 } = options
  const deadline = performance.now() + waitMs
  const connection = await connectAdmin(options, waitMs, options.logger)
  try {
    return options.dryRun ? await look(connection, deadline, options) : await change(connection, deadline, options)
  } finally {
    await connection.close(CLOSE_TIMEOUT_MS)
  }
}

async function look(
  connection: Connection,
  deadline: number,
  options: ApplyStreamsOptions,
): Promise<readonly AppliedStream[]> {
  const plans = await untilAnswered(deadline, () => planStreams(connection, options.streams, options.replicas))
  const found = plans.map((plan): AppliedStream => {
    switch (plan.action) {
      case 'none':
        return { stream: plan.stream, action: 'none', changes: [] }
      case 'create':
        return { stream: plan.stream, action: 'created', changes: [] }
      case 'update':
        // The mode `create` would end here with an error.
        return {
          stream: plan.stream,
          action: options.mode === 'create' ? 'refused' : 'updated',
          changes: plan.changes.map(toUpdate),
        }
      case 'refuse':
        return { stream: plan.stream, action: 'refused', changes: plan.changes.map(toUpdate) }
    }
  })
  for (const applied of found) options.onApplied?.(applied)
  return found
}

async function change(
  connection: Connection,
  deadline: number,
  options: ApplyStreamsOptions,
): Promise<readonly AppliedStream[]> {
  // From the events, since a second attempt no longer sees what the first one did.
  const done = new Map<string, AppliedStream>()
  connection.events.on('streamChanged', ({ stream, action, changes }) => {
    const applied = { stream, action, changes: (changes as readonly FieldChange[]).map(toUpdate) }
    done.set(stream, applied)
    options.onApplied?.(applied)
  })
  const { mode = 'apply', replicas } = options
  const plans = await untilAnswered(deadline, () =>
    ensureStreams(connection, options.streams, { mode, ...(replicas === undefined ? {} : { replicas }) }),
  )
  return plans.map(({ stream }) => {
    const applied = done.get(stream)
    if (applied) return applied
    const untouched: AppliedStream = { stream, action: 'none', changes: [] }
    options.onApplied?.(untouched)
    return untouched
  })
}

function toUpdate({ field, live, declared }: FieldChange): FieldUpdate {
  // JSON has no undefined, and a field that is left out would look forgotten.
  return { field, before: live ?? null, after: declared ?? null }
}

/** A broker that has just started answers clients before JetStream is ready, and a cluster elects its leader first. */
async function untilAnswered<T>(deadline: number, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!KitError.is(error, KitErrorCode.BrokerUnavailable) || performance.now() + RETRY_MS > deadline) throw error
      await sleep(RETRY_MS)
    }
  }
}
